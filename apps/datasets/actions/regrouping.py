"""Stored samples are given the group that a manifest declares, and no group is torn apart by it."""

from collections.abc import Iterable
from enum import Enum

from django.db.models import Count

from apps.datasets.actions.placing import declared_groups, join_groups, keep_declared
from apps.datasets.lookalikes import splits_of
from apps.datasets.models import DeclaredGroup, Sample


class Going(Enum):
    """What becomes of a sample that is to go to a group."""

    THERE = "there"  # it is in it, or in one of the same split
    GOES = "goes"
    STAYS = "stays"  # both groups have a split, and not the same one


class Regrouping:
    """Where some samples are to go: first planned, then written. The caller holds the dataset's lock.

    A sample leaves its group where it is alone in it, or where only an earlier manifest brought it
    there. Look-alikes stay together: then its whole group and the declared one become one. Where
    both have a split already, and not the same one, the sample stays where it is.
    """

    def __init__(self, dataset_id: int, declared: Iterable[tuple[Sample, str]]) -> None:
        pairs = list(declared)
        self._dataset = dataset_id
        self._names = {name for _sample, name in pairs}
        self._now = declared_groups(dataset_id, self._names)
        here = {sample.group for sample, _name in pairs}
        self._splits = splits_of(dataset_id, here | set(self._now.values()))
        self._may_leave = _alone(dataset_id, here) | _only_declared(dataset_id, here)
        self._gone: dict[str, str] = {}
        self._moves: list[tuple[Sample, str]] = []
        self._joins: list[tuple[str, str]] = []

    def put(self, sample: Sample, name: str) -> Going:
        """Plan that it goes to the declared group of this name."""
        own, into = self._at(sample.group), self._at(self._now[name])
        if own == into:
            return Going.THERE
        if sample.group in self._may_leave and not sample.split:
            self._moves.append((sample, into))
            return Going.GOES
        if self._splits.get(own) and self._splits.get(into):
            same = self._splits[own] == self._splits[into]
            return Going.THERE if same else Going.STAYS
        if self._splits.get(own):
            own, into = into, own
        self._gone[own] = into
        self._joins.append((own, into))
        return Going.GOES

    def _at(self, group: str) -> str:
        while group in self._gone:
            group = self._gone[group]
        return group

    def write(self) -> None:
        keep_declared(self._dataset, self._names)
        for sample, group in self._moves:
            sample.group = group
        # Groups are in no count, so nothing else changes with them.
        Sample.objects.bulk_update([sample for sample, _group in self._moves], ["group"])
        for group, into in self._joins:
            join_groups(self._dataset, [group], into)


def _alone(dataset_id: int, groups: set[str]) -> set[str]:
    """Groups of one sample."""
    rows = Sample.objects.filter(dataset=dataset_id, group__in=groups).order_by()
    counted = rows.values_list("group").annotate(n=Count("pk")).filter(n=1)
    return {group for group, _n in counted}


def _only_declared(dataset_id: int, groups: set[str]) -> set[str]:
    """Groups that nobody but a manifest has made."""
    rows = DeclaredGroup.objects.filter(dataset=dataset_id, group__in=groups)
    return set(rows.filter(joined=False).values_list("group", flat=True))
