"""The classes of the review queue: how many wait in each, since when, and whether there is one now."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apps.datasets import tallies
from apps.datasets.actions.leasing import offered
from apps.datasets.models import Dataset, LabelClass, Sample

# In an address, the group of samples that have no class yet.
NO_CLASS = "none"


class Group(NamedTuple):
    """What waits for one member in one class; `label` is None for what has no class yet."""

    label: LabelClass | None
    number: int
    oldest: datetime | None  # since when the first of them waits
    free: bool  # something of it can be handed out to this member now

    @property
    def key(self) -> str:
        return str(self.label.pk) if self.label else NO_CLASS


def review_groups(
    dataset: Dataset, user: Any, queue: QuerySet[Sample], held: Collection[UUID] = ()
) -> list[Group]:
    """The groups in which something waits, in the order of the classes.

    queue: what this member may decide about, in its order; the numbers are of all of it, whatever it
    is filtered by. `held`: batches that they have before them already.
    """
    counts = tallies.reviewable(dataset, user)
    classes = {label.pk: label for label in dataset.classes.all()}
    of_class = queue.filter(label=OuterRef("pk"))
    now = dataset.classes.filter(pk__in=counts).values_list(
        "pk",
        Subquery(of_class.values("created_at")[:1]),
        Exists(offered(of_class, user, held)),
    )
    groups = [Group(classes[pk], counts[pk], oldest, free) for pk, oldest, free in now]
    if 0 in counts:
        unclassed = queue.filter(label=None)
        oldest = unclassed.values_list("created_at", flat=True).first()
        groups.append(Group(None, counts[0], oldest, offered(unclassed, user, held).exists()))
    return groups


def in_turn(
    groups: Sequence[Group], classes: Sequence[LabelClass], wanted: str = ""
) -> list[Group]:
    """The groups as they come up: from the wanted class on, and round to those before it."""
    order = [str(label.pk) for label in classes] + [NO_CLASS]
    start = order.index(wanted) if wanted in order else 0
    place = {key: number for number, key in enumerate(order[start:] + order[:start])}
    return sorted(groups, key=lambda group: place.get(group.key, len(order)))
