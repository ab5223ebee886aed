"""Newcomers find their groups: inside ingest's transaction, before they are written."""

from collections.abc import Iterable, Sequence

from apps.datasets.grouping import Alike, Placing, place
from apps.datasets.lookalikes import Look, alike, candidates, splits_of
from apps.datasets.models import Sample


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


def place_newcomers(dataset_id: int, newcomers: Sequence[Sample]) -> list[Placed]:
    """Give unsaved samples their group and their hold; groups without a split merge as needed.

    Each one also resembles the ones before it. The caller holds the dataset's lock, so that two
    workers cannot place look-alikes of each other at once.
    """
    looks = candidates(dataset_id, (each.pdq for each in newcomers))
    declared = {each.group for each in newcomers}
    splits = splits_of(dataset_id, {look.group for look in looks} | declared)
    here: dict[int, Sample] = {}  # newcomers by a number that no stored sample has
    placed = []
    for number, sample in enumerate(newcomers, 1):
        found = alike(sample.pdq, looks, splits)
        placing = place(sample.group, found, splits.get(sample.group, ""))
        sample.group, sample.hold = placing.group, placing.hold
        looks = _merge(dataset_id, placing, looks, here.values())
        placed.append(_placed(sample, found, here))
        if sample.pdq:
            here[-number] = sample
            looks.append(Look(-number, sample.pdq, sample.group))
    return placed


def _placed(sample: Sample, found: list[Alike], here: dict[int, Sample]) -> Placed:
    if not found:
        return Placed(sample)
    nearest = min(found, key=lambda each: (each.distance, each.sample))
    return Placed(sample, here.get(nearest.sample, nearest.sample), nearest.distance)


def _merge(
    dataset_id: int, placing: Placing, looks: list[Look], here: Iterable[Sample]
) -> list[Look]:
    """Move the members of merged groups over: stored ones, and newcomers not stored yet."""
    if not placing.merged:
        return looks
    Sample.objects.filter(dataset=dataset_id, group__in=placing.merged, split="").update(
        group=placing.group
    )
    for sample in here:
        if sample.group in placing.merged:
            sample.group = placing.group
    return [
        look._replace(group=placing.group) if look.group in placing.merged else look
        for look in looks
    ]
