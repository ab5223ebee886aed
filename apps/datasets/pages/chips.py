"""The filters that are on, in words, each with a way to take it off."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets.models import Dataset, Hold, LabelClass, Sample, Scale, Split
from apps.datasets.searching import NO_CLASS

# The filters in words, and their values where these are codes.
TITLES = {
    "label": gettext_lazy("Class"),
    "status": gettext_lazy("Status"),
    "split": gettext_lazy("Split"),
    "hold": gettext_lazy("Held back"),
    "scale": gettext_lazy("Size"),
    "disputed": gettext_lazy("Labels"),
    "source": gettext_lazy("Source"),
    "contributor": gettext_lazy("Contributor"),
    "group": gettext_lazy("Group"),
    "q": gettext_lazy("Words in it"),
}
WORDS: dict[str, list[tuple[str, Any]]] = {
    "status": Sample.Status.choices,
    "split": Split.choices,
    "hold": Hold.choices,
    "scale": [(str(value), name) for value, name in Scale.choices],
    "disputed": [("yes", gettext_lazy("people disagree"))],
}


def query_of(wanted: Mapping[str, str]) -> str:
    """Filters as a query string that other pages may carry along; empty for none."""
    active = {name: value for name, value in wanted.items() if value}
    return f"?{urlencode(active)}" if active else ""


def chips(
    dataset: Dataset, wanted: Mapping[str, str], classes: Iterable[LabelClass]
) -> list[dict[str, str]]:
    """The filters that are on, in words, each with the address of the list without it."""
    here = reverse("samples", args=[dataset.slug])
    return [
        {
            "name": str(TITLES[name]),
            "value": _in_words(name, value, classes),
            "url": here + query_of({**wanted, name: ""}),
        }
        for name, value in wanted.items()
        if value
    ]


def _in_words(name: str, value: str, classes: Iterable[LabelClass]) -> str:
    if name == "label":
        names = {str(label.pk): label.name for label in classes} | {NO_CLASS: _("no class yet")}
        return names.get(value, value)
    if name == "group":
        return value[:12]
    return str(dict(WORDS.get(name, [])).get(value, value))


def with_chosen(options: list[str], chosen: str) -> list[str]:
    """A choice beyond the listed ones stays chosen when another filter changes."""
    return options if not chosen or chosen in options else [chosen, *options]
