"""The classes of a dataset as files and people name them, and what became of those that are none now."""

from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from apps.datasets.ingest.folders import MAX_CLASS, class_key
from apps.datasets.lineage import STANDING, Lineage, lineage_of
from apps.datasets.models import Contribution, Dataset, LabelClass, SchemaChange
from apps.datasets.tallies import left_behind
from apps.errors import RuleError


class Claim(NamedTuple):
    """What a file's words make of its class."""

    label: LabelClass | None
    unknown: str  # the name of what is no class (yet)
    fixes: list[str]  # as receipts say it


class Classes:
    """Current classes by name and by alias, read once for many files."""

    def __init__(self, dataset_id: int) -> None:
        self._dataset_id = dataset_id
        found = LabelClass.objects.current().filter(dataset_id=dataset_id)
        self._current = {label.pk: label for label in found}
        aliases = {class_key(alias): label for label in found for alias in label.aliases}
        self._known = aliases | {class_key(label.name): label for label in found}

    def named(self, name: str) -> LabelClass | None:
        return self._known.get(class_key(name))

    def claimed(self, name: str, contribution: Contribution) -> Claim:
        """By its manifest, table or folder (the first that says anything), else as its sender chose.

        What is too long for a class is none: cut, two such names could become the same class.
        """
        if not name:
            label = self.chosen(contribution.default_class, contribution.created_at)
            return Claim(label, "", [])
        if len(name) > MAX_CLASS:
            return Claim(None, "", ["class_too_long"])
        label = self.named(name)
        return Claim(label, "" if label else name, [])

    def chosen(self, label: LabelClass | None, at: datetime) -> LabelClass | None:
        """A class that somebody chose at that moment, as it is today: None where it was split."""
        return self._current.get(self._lineage.now(label.pk, at) or 0) if label else None

    @cached_property
    def _lineage(self) -> Lineage:
        return lineage_of(self._dataset_id)


def require_current(label: LabelClass) -> None:
    if label.retired_at is not None:
        raise RuleError("class_retired", became_of(label), field="label")


def settled(dataset: Dataset) -> bool:
    """Is no sample on its way from one class to another?"""
    moving = [SchemaChange.Status.APPLYING, SchemaChange.Status.REVERTING]
    at_work = SchemaChange.objects.filter(dataset=dataset, status__in=moving)
    return not at_work.exists() and not left_behind().filter(dataset=dataset).exists()


def require_settled(dataset: Dataset) -> None:
    """Refuse to freeze half a change."""
    if not settled(dataset):
        text = _(
            "The classes are being changed right now, so a version would hold half of it. The page "
            "“Classes” shows how far it is; freeze when it is done."
        )
        raise RuleError("classes_changing", text)


def became_of(label: LabelClass) -> str:
    """What to use in place of a class that is no longer one."""
    changes = SchemaChange.objects.filter(label=label, status__in=STANDING)
    change = changes.exclude(kind=SchemaChange.Kind.RENAME).select_related("into").first()
    names: dict[str, Any] = {"name": label.name}
    if change is None:
        return _("“%(name)s” is no class any more: pick another one.") % names
    if change.into is None:
        names["parts"] = ", ".join(f"“{part}”" for part in change.parts)
        if change.status == SchemaChange.Status.APPLYING:
            return _("“%(name)s” is being split into %(parts)s: look again in a moment.") % names
        return _("“%(name)s” was split into %(parts)s: pick one of these.") % names
    names["into"] = change.into.name
    if change.into.retired_at is None:
        return _("“%(name)s” was merged into “%(into)s”: pick that.") % names
    return became_of(change.into)
