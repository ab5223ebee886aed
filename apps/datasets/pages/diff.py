"""What differs between any two versions: counts, pictures, who moved where."""

from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from apps.datasets import diffs
from apps.datasets.models import Dataset, Sample, Split, Version
from apps.datasets.pages.scope import dataset_of, frame
from apps.errors import invalid

SHOWN = 48
DAY = 86400
TITLES = {
    "added": gettext_lazy("Added"),
    "removed": gettext_lazy("Removed"),
    "relabelled": gettext_lazy("Relabelled"),
    "moved": gettext_lazy("Moved to another split"),
}


@require_safe
def version_diff(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    frozen = list(dataset.versions.brief().exclude(digest=""))
    context = frame(request, dataset, "versions") | {"versions": frozen}
    if len(frozen) > 1:
        start = _chosen(request, frozen, "from", frozen[1])
        end = _chosen(request, frozen, "to", frozen[0])
        context |= found_between(start, end) | _pictures(request, start, end)
    return render(request, "datasets/diff.html", context)


def _chosen(request: HttpRequest, frozen: list[Version], name: str, otherwise: Version) -> Version:
    """One of the frozen versions, by its number."""
    wanted = request.GET.get(name, "")
    if not wanted:
        return otherwise
    for version in frozen:
        if str(version.number) == wanted:
            return version
    raise invalid("invalid_filter", _("There is no such frozen version."), field=name)


def found_between(start: Version, end: Version) -> dict[str, Any]:
    """Counts and tables. Both versions stand for good, so it is counted once."""
    sealed = diffs.hiding(start, end)
    key = f"diff:{start.dataset_id}:{start.digest}:{end.digest}:{start.pk}:{end.pk}:{sealed}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        found = as_json(start, end)
        cache.set(key, found, DAY)
    return {"start": start, "end": end, "found": found}


def as_json(start: Version, end: Version) -> dict[str, Any]:
    changes = diffs.diff(start, end)
    old = {item["id"]: item["name"] for item in start.classes}
    new = {item["id"]: item["name"] for item in end.classes}
    pairs = sorted(changes.labels.items(), key=lambda pair: -pair[1])
    return {
        "from": start.number,
        "to": end.number,
        "level": diffs.level(changes.counts),
        "counts": {kind: changes.counts[kind] for kind in diffs.KINDS},
        "relabelled": [
            {"from": old.get(a or 0), "to": new.get(b or 0), "samples": n} for (a, b), n in pairs
        ],
        "moved": [
            {"from": a, "to": b, "samples": n} for (a, b), n in sorted(changes.splits.items())
        ],
        "renamed": [{"from": a, "to": b} for a, b in diffs.renames(start, end)],
    }


def page_of(start: Version, end: Version, kind: str, after: str) -> tuple[list[Any], bool]:
    """One page of the spans that changed so, by sample; and whether there are more."""
    if kind not in diffs.KINDS:
        raise invalid("invalid_filter", _("There is no such kind of change."), field="kind")
    if after and not (after.isascii() and after.isdigit() and len(after) < 18):
        raise invalid("invalid_filter", _("There is no such page."), field="after")
    found: QuerySet[Any] = diffs.of_kind(start, end, kind).filter(sample_id__gt=int(after or 0))
    rows = list(found.select_related("sample").order_by("sample_id")[: SHOWN + 1])
    return rows[:SHOWN], len(rows) > SHOWN


def _pictures(request: HttpRequest, start: Version, end: Version) -> dict[str, Any]:
    counts = found_between(start, end)["found"]["counts"]
    first = next((kind for kind in diffs.KINDS if counts[kind]), "added")
    kind = request.GET.get("kind") or first
    after = request.GET.get("after", "")
    # Of none there is nothing to look for: finding nothing would mean reading everything.
    rows, more = page_of(start, end, kind, after) if counts.get(kind, 1) else ([], False)
    base = {"from": start.number, "to": end.number}
    address = reverse("version_diff", args=[end.dataset.slug])
    here = f"{address}?{urlencode(base | {'kind': kind})}"
    return {
        "kind": kind,
        "kinds": [
            {
                "name": name,
                "title": title,
                "count": counts[name],
                "url": f"{address}?{urlencode(base | {'kind': name})}",
            }
            for name, title in TITLES.items()
        ],
        "tiles": list(_tiles(rows, start, end, kind)),
        "first_url": here if after else "",
        "next_url": f"{here}&after={rows[-1].sample_id}" if more else "",
        "swap_url": f"{address}?{urlencode({'from': end.number, 'to': start.number})}",
    }


def _tiles(rows: list[Any], start: Version, end: Version, kind: str) -> Any:
    old = {item["id"]: item for item in start.classes}
    new = {item["id"]: item for item in end.classes}
    sealed = diffs.hiding(start, end)
    splits = dict(Split.choices)
    for span in rows:
        hidden = sealed and span.split == Split.TEST
        look = (old if kind == "removed" else new).get(span.label_id, {})
        before = old.get(getattr(span, "old_label", None), {})
        tile = {
            "sample": span.sample,
            "gone": span.sample.status == Sample.Status.WITHDRAWN,
            "name": _("sealed") if hidden else look.get("name", ""),
            "colour": None if hidden else look.get("colour"),
            "was": "",
        }
        if kind == "relabelled":
            tile["was"] = before.get("name", "")
        elif kind == "moved":
            tile["was"], tile["name"] = splits[span.old_split], splits[span.split]
        yield tile


def newest_pair(dataset: Dataset) -> bool:
    """Are there two versions to compare?"""
    return dataset.versions.exclude(digest="")[1:2].exists()
