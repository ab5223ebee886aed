"""Finding samples: the filters that pages and API share. Each has an index that ends in the id."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from apps.datasets import blind, seals
from apps.datasets.models import Dataset, Hold, Sample, Scale, Split
from apps.errors import invalid

NO_CLASS = "none"
# The values that a filter may have; those without a list are checked by what they are.
CHOICES: dict[str, list[str]] = {
    "status": list(Sample.Status.values),
    "split": list(Split.values),
    "hold": [value for value in Hold.values if value],
    "scale": [str(value) for value in Scale.values],
    "disputed": ["yes"],
}
NAMES = ("label", *CHOICES, "source", "contributor", "group", "q")
MAX_WORDS = 150  # as long as the longest user name


def read_filters(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a query string; an unknown value is refused rather than ignored."""
    wanted = {name: query.get(name, "").strip() for name in NAMES}
    for name, values in CHOICES.items():
        if wanted[name] and wanted[name] not in values:
            raise _no_such(name)
    if wanted["label"] not in {"", NO_CLASS}:
        number(wanted["label"], "label")
    if max(map(len, wanted.values())) > MAX_WORDS:
        raise _no_such("q")
    return wanted


def is_number(text: str) -> bool:
    """Is it a whole number that a database takes?"""
    return text.isascii() and text.isdigit() and len(text) <= 18


def number(text: str, name: str = "") -> int:
    """The number that it is. Raises RuleError("invalid_filter")."""
    if not is_number(text):
        raise _no_such(name)
    return int(text)


def moment(text: str, name: str = "") -> datetime | None:
    """A time with its zone; None for no text. Raises RuleError("invalid_filter")."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is not None:
            found.astimezone(UTC)  # what a database compares: the year 0 is none
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise _no_such(name)
    return found


def _no_such(name: str) -> Any:
    return invalid("invalid_filter", _("There is no such filter."), field=name)


def find_samples(dataset: Dataset, wanted: Mapping[str, str]) -> QuerySet[Sample]:
    """The dataset's samples that match; withdrawn ones only where they are asked for.

    `q` is looked for inside the beginning of a text: that reads every text there is, so it alone
    grows with the dataset.
    """
    found: QuerySet[Sample] = dataset.samples.all()
    if not wanted["status"]:
        found = found.exclude(status=Sample.Status.WITHDRAWN)
    for name in ("status", "split", "hold", "scale", "source", "group"):
        if wanted[name]:
            found = found.filter(**{name: wanted[name]})
    if wanted["disputed"]:
        found = found.filter(disputed=True)
    if wanted["disputed"] or wanted["label"]:
        found = blind.without_open(found, dataset)
    if wanted["contributor"]:
        found = found.filter(contributor_id=_member(wanted["contributor"]))
    if wanted["q"]:
        found = found.filter(excerpt__icontains=wanted["q"])
    if not wanted["label"]:
        return found
    label = None if wanted["label"] == NO_CLASS else int(wanted["label"])
    return seals.without_hidden(found.filter(label_id=label), dataset)


def neighbours(found: QuerySet[Sample], pk: int) -> tuple[int | None, int | None]:
    """The ids before and after this one in a list that runs newest first."""
    keys = found.values_list("pk", flat=True)
    newer = keys.filter(pk__gt=pk).order_by("pk").first()
    return newer, keys.filter(pk__lt=pk).order_by("-pk").first()


def _member(username: str) -> int:
    """Their id, or one that nobody has: the index is on ids."""
    found = get_user_model().objects.filter(username=username)
    return found.values_list("pk", flat=True).first() or 0
