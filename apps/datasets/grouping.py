"""Which group a newcomer belongs to: a pure function of what it resembles.

A group is what must stay on one side of the split: a patient, a device, a scene, or pictures that look
alike. Once it has a split, it never merges with another group that has one.
"""

from collections.abc import Iterable
from typing import NamedTuple

from apps.datasets.models import Hold


class Alike(NamedTuple):
    """A sample that a newcomer resembles."""

    sample: int
    group: str
    split: str  # its group's; empty while the group has none
    distance: int  # differing bits


class Placing(NamedTuple):
    """Where a newcomer goes: its group, the groups that become one with it, and why it waits."""

    group: str
    merged: frozenset[str] = frozenset()
    hold: str = Hold.NONE


def place(own: str, alike: Iterable[Alike], own_split: str = "") -> Placing:
    """The group of a newcomer whose group would be `own` (declared, or itself), with its split.

    * It resembles nothing: its own.
    * It resembles something of the test split and does not belong there: held for a person to see.
    * It would bring groups of several splits together, its own among them: held.
    * It resembles groups with one split: the nearest of them. Groups without a split come along.
    * It resembles groups without a split only: they become one, under the smallest name.
    """
    found = sorted(alike, key=lambda each: (each.distance, each.sample))
    splits = {each.split for each in found if each.split}
    if not found:
        return Placing(own)
    if "test" in splits and own_split != "test":
        return Placing(own, hold=Hold.BRIDGE if own_split else Hold.LOOKALIKE)
    if len(splits | ({own_split} - {""})) > 1:
        return Placing(own, hold=Hold.BRIDGE)
    loose = {each.group for each in found if not each.split}
    if own_split:
        return Placing(own, frozenset(loose) - {own})
    frozen = [each.group for each in found if each.split]
    loose.add(own)
    into = frozen[0] if frozen else min(loose)
    return Placing(into, frozenset(loose) - {into})
