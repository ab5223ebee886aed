"""Lists in pages: each goes on behind the key of the last row, so no page costs more than the first."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from apps.datasets.searching import number


def paged(
    request: HttpRequest,
    found: QuerySet[Any],
    shown: int,
    *,
    key: str = "pk",
    name: str = "",
    query: str = "?",
    anchor: str = "",
) -> dict[str, Any]:
    """At most `shown` rows of a list that is ordered by `key`, and the addresses that lead on and back.

    name: the parameter that says where the page begins; `after` in a list that runs up, anything else
    (`before`) in one that runs down, where "-key" is its order. query: what the addresses keep.
    Returns {"rows", "first_url", "next_url"}; an address is empty where it leads nowhere.
    Raises RuleError("invalid_filter").
    """
    name = name or "before"
    if at := request.GET.get(name, ""):
        found = found.filter(**{f"{key}__{'gt' if name == 'after' else 'lt'}": number(at, name)})
    rows = list(found.order_by(key if name == "after" else f"-{key}")[: shown + 1])
    more, rows = len(rows) > shown, rows[:shown]
    base = query if query.endswith(("?", "&")) else f"{query}&"
    return {
        "rows": rows,
        "first_url": f"{query}{anchor}" if at else "",
        "next_url": f"{base}{name}={_read(rows[-1], key)}{anchor}" if more else "",
    }


def _read(row: Any, key: str) -> Any:
    for part in key.split("__"):
        row = getattr(row, part)
    return row
