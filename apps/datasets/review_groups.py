"""The classes of the review queue: how many wait in each, since when, and whether there is one now."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.datasets import seals, tallies
from apps.datasets.actions.leasing import offered
from apps.datasets.models import Dataset, LabelClass, Sample, Split

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


def part(queue: QuerySet[Sample], label: Any, is_closed: bool) -> QuerySet[Sample]:
    """What of a queue is in the group of a class (or of a reference to one; None: of no class yet).

    `is_closed`: the dataset has sealed test labels. Their samples, where they wait again, are among
    those without a class: it is kept from reviewers, too.
    """
    if not is_closed:
        return queue.filter(label=label)
    sealed = Q(split=Split.TEST)
    if label is None:
        return queue.filter(Q(label=None) | sealed)
    return queue.filter(label=label).exclude(sealed)


def review_groups(
    dataset: Dataset, user: Any, queue: QuerySet[Sample], held: Collection[UUID] = ()
) -> list[Group]:
    """The groups in which something waits, in the order of the classes.

    queue: what this member may decide about, in its order; the numbers are of all of it, whatever it
    is filtered by. `held`: batches that they have before them already.
    """
    is_closed = seals.closed(dataset)
    counts = tallies.reviewable(dataset, user)
    classes = {label.pk: label for label in dataset.classes.all()}
    of_class = part(queue, OuterRef("pk"), is_closed)
    now = dataset.classes.filter(pk__in=counts).values_list(
        "pk",
        Subquery(of_class.values("created_at")[:1]),
        Exists(offered(of_class, user, held)),
    )
    groups = [Group(classes[pk], counts[pk], oldest, free) for pk, oldest, free in now]
    if 0 in counts or is_closed:
        unclassed = part(queue, None, is_closed)
        oldest = unclassed.values_list("created_at", flat=True).first()
        free = offered(unclassed, user, held).exists()
        groups.append(Group(None, counts.get(0, 0), oldest, free))
    return [group for group in groups if group.number or group.oldest]


def in_turn(
    groups: Sequence[Group], classes: Sequence[LabelClass], wanted: str = ""
) -> list[Group]:
    """The groups as they come up: from the wanted class on, and round to those before it."""
    order = [str(label.pk) for label in classes] + [NO_CLASS]
    start = order.index(wanted) if wanted in order else 0
    place = {key: number for number, key in enumerate(order[start:] + order[:start])}
    return sorted(groups, key=lambda group: place.get(group.key, len(order)))
