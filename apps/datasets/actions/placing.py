"""Newcomers find their groups: inside ingest's transaction, before they are written."""

from collections.abc import Iterable, Sequence

from apps.datasets.grouping import Alike, Placing, place
from apps.datasets.lookalikes import Look, alike, candidates, splits_of
from apps.datasets.models import DeclaredGroup, Sample


class Placed:
    """What a newcomer resembles most, for its receipt; `like` is None where it resembles nothing."""

    def __init__(self, sample: Sample, like: Sample | int | None = None, bits: int = 0) -> None:
        self.sample = sample
        self._like = like
        self.bits = bits

    @property
    def like(self) -> int | None:
        """Read once the newcomers are written: the other may be one of them."""
        return self._like.pk if isinstance(self._like, Sample) else self._like


def own_group(sample: Sample) -> str:
    """The group of a sample that nobody declares one for."""
    return sample.content_sha256[:32]


def declared_groups(dataset_id: int, names: Iterable[str]) -> dict[str, str]:
    """{a declared group: where its samples are now}; a name that is new stands for itself."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = DeclaredGroup.objects.filter(dataset=dataset_id, name__in=wanted)
    return {name: name for name in wanted} | dict(rows.values_list("name", "group"))


def keep_declared(dataset_id: int, names: Iterable[str]) -> None:
    """Remember declared groups from their first sample on. The caller holds the dataset's lock."""
    DeclaredGroup.objects.bulk_create(
        (
            DeclaredGroup(dataset_id=dataset_id, name=name, group=name)
            for name in sorted(set(names))
        ),
        ignore_conflicts=True,
    )


def join_groups(dataset_id: int, groups: Iterable[str], into: str) -> None:
    """Groups without a split become part of another one, stored samples and declared names."""
    gone = list(groups)
    Sample.objects.filter(dataset=dataset_id, group__in=gone, split="").update(group=into)
    named = DeclaredGroup.objects.filter(dataset=dataset_id, group__in=[*gone, into])
    named.update(group=into, joined=True)


def place_newcomers(dataset_id: int, newcomers: Sequence[Sample]) -> list[Placed]:
    """Give unsaved samples their group and their hold; groups without a split merge as needed.

    Each one also resembles the ones before it. The caller holds the dataset's lock, so that two
    workers cannot place look-alikes of each other at once.
    """
    _follow_declared(dataset_id, newcomers)
    looks = candidates(dataset_id, (each.pdq for each in newcomers))
    own = {each.group for each in newcomers}
    splits = splits_of(dataset_id, {look.group for look in looks} | own)
    here: dict[int, Sample] = {}  # newcomers by a number that no stored sample has
    placed = []
    for number, sample in enumerate(newcomers, 1):
        found = alike(sample.pdq, looks, splits)
        placing = place(sample.group, found, splits.get(sample.group, ""))
        sample.group, sample.hold = placing.group, placing.hold
        looks = _merge(dataset_id, placing, looks, newcomers)
        placed.append(_placed(sample, found, here))
        if sample.pdq:
            here[-number] = sample
            looks.append(Look(-number, sample.pdq, sample.group))
    return placed


def _follow_declared(dataset_id: int, newcomers: Sequence[Sample]) -> None:
    declared = [each.group for each in newcomers if each.group != own_group(each)]
    if not declared:
        return
    keep_declared(dataset_id, declared)
    now = declared_groups(dataset_id, declared)
    for sample in newcomers:
        sample.group = now.get(sample.group, sample.group)


def _placed(sample: Sample, found: list[Alike], here: dict[int, Sample]) -> Placed:
    if not found:
        return Placed(sample)
    nearest = min(found, key=lambda each: (each.distance, each.sample))
    if nearest.sample not in here:
        sample.lookalike_of_id = nearest.sample
    return Placed(sample, here.get(nearest.sample, nearest.sample), nearest.distance)


def link_newcomers(placed: Iterable[Placed]) -> None:
    """Once they are stored: what resembles another newcomer can name it only now."""
    late = [each for each in placed if each.like and not each.sample.lookalike_of_id]
    for each in late:
        each.sample.lookalike_of_id = each.like
    Sample.objects.bulk_update([each.sample for each in late], ["lookalike_of"])


def _merge(
    dataset_id: int, placing: Placing, looks: list[Look], newcomers: Iterable[Sample]
) -> list[Look]:
    """Move the members of merged groups over: stored ones, and newcomers, also those to be placed."""
    if not placing.merged:
        return looks
    join_groups(dataset_id, placing.merged, placing.group)
    for sample in newcomers:
        if sample.group in placing.merged:
            sample.group = placing.group
    return [
        look._replace(group=placing.group) if look.group in placing.merged else look
        for look in looks
    ]
