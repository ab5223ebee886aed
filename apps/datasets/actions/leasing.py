"""Leases: samples are handed out to one member at a time, so no two do the same work.

A lease is three columns of the sample, written by one guarded UPDATE and timed by the database's
clock; nobody has to give it back, because it ends by itself.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from apps.datasets.actions.changing import NO_LEASE
from apps.datasets.models import Sample, Skip

LEASE_MINUTES = 15
SKIP_HOURS = 24
TRIES = 5


@dataclass(frozen=True)
class Batch:
    """What a member works on now; `lease` is None where there was nothing to hand out."""

    samples: Sequence[Sample]
    lease: uuid.UUID | None = None
    until: datetime | None = None


def lease_samples(
    queue: QuerySet[Sample],
    by: Any,
    *,
    size: int,
    first: Q | None = None,
    held: Collection[uuid.UUID] = (),
) -> Batch:
    """The member's own live batch of this queue (a reload shows the same), else a new one.

    queue: what may be handed out, in the order in which it should be; `first`: which of it before
    the rest; `held`: batches that they have on their screen, so that another one is meant.
    Somebody who claims the same samples at the same moment gets the ones that are left.
    """
    mine = _mine(queue, by, held)
    if mine:
        return _renewed(mine, by)
    for _attempt in range(TRIES):
        free = _free(queue, by)
        keys = list(free.filter(first).values_list("pk", flat=True)[:size]) if first else []
        keys += list(free.exclude(pk__in=keys).values_list("pk", flat=True)[: size - len(keys)])
        if not keys:
            break
        lease = uuid.uuid4()
        Sample.objects.filter(_unleased(), pk__in=keys).update(
            leased_to=by, lease=lease, leased_until=_until()
        )
        won = list(queue.filter(leased_to=by, lease=lease))
        if won:
            return _renewed(won, by)
    return Batch([])


def renew_lease(lease: uuid.UUID, by: Any) -> datetime | None:
    """Prolong a batch's lease; when it ends now, or None when it has ended already."""
    live = Sample.objects.filter(lease=lease, leased_to=by, leased_until__gt=Now())
    live.update(leased_until=_until())
    return live.values_list("leased_until", flat=True).first()


def end_lease(lease: uuid.UUID, by: Any, until: datetime | None = None) -> int:
    """Give a batch back before its time; returns how many samples it still held.

    `until`: when the lease ended as the page knew that gives it back. A page's last word may come
    after the batch was shown again and prolonged: that one is kept.
    """
    held = Sample.objects.filter(lease=lease, leased_to=by)
    known = held.filter(leased_until__lte=until) if until else held
    return known.update(**NO_LEASE)


def end_leases(samples: Sequence[Sample], by: Any) -> None:
    """Give single samples of a batch back: they are voted on and go to somebody else next."""
    keys = [sample.pk for sample in samples]
    Sample.objects.filter(pk__in=keys, leased_to=by).update(**NO_LEASE)


def take_back(samples: Sequence[Sample], by: Any) -> None:
    """Put samples into the member's present batch, or a new one: what was undone is theirs again."""
    keys = [sample.pk for sample in samples]
    Skip.objects.filter(sample__in=keys, member=by).delete()
    live = Sample.objects.filter(dataset__in={sample.dataset_id for sample in samples})
    lease = _first_lease(live, by) or uuid.uuid4()
    Sample.objects.filter(_unleased(), pk__in=keys).update(
        leased_to=by, lease=lease, leased_until=_until()
    )


def skip_samples(samples: Sequence[Sample], by: Any) -> None:
    """Pass samples over: they go back to the others, and come to this member again after a day."""
    keys = [sample.pk for sample in samples]
    Skip.objects.filter(sample__in=keys, member=by).delete()
    Skip.objects.bulk_create(Skip(sample_id=key, member=by) for key in keys)
    end_leases(samples, by)


def holders(queue: QuerySet[Sample]) -> list[dict[str, Any]]:
    """Who holds the rest of a queue, and until when at the latest: [{"who", "until"}]."""
    held = queue.filter(leased_until__gt=Now()).order_by("leased_to", "-leased_until")
    latest: dict[str, datetime | None] = {}
    for who, until in held.values_list("leased_to__username", "leased_until").distinct()[:200]:
        latest.setdefault(who, until)
    return [{"who": who, "until": until} for who, until in latest.items()]


def offered(queue: QuerySet[Sample], by: Any, held: Collection[uuid.UUID] = ()) -> QuerySet[Sample]:
    """What of a queue this member can be handed now, or has already in another batch than `held`."""
    mine = Q(leased_to=by, leased_until__gt=Now()) & ~Q(lease__in=held)
    return queue.filter(mine | (_unleased() & ~Q(skipped_by(by))))


def skipped_by(member: Any) -> Exists:
    recent = Skip.objects.filter(
        sample=OuterRef("pk"), member=member, at__gt=Now() - timedelta(hours=SKIP_HOURS)
    )
    return Exists(recent)


def _unleased() -> Q:
    return Q(leased_until=None) | Q(leased_until__lt=Now())


def _free(queue: QuerySet[Sample], by: Any) -> QuerySet[Sample]:
    return queue.filter(_unleased()).exclude(skipped_by(by))


def _mine(queue: QuerySet[Sample], by: Any, held: Collection[uuid.UUID]) -> list[Sample]:
    """This member's live batch, as far as it is in the queue (still); of several, the first one."""
    lease = _first_lease(queue.exclude(lease__in=held), by)
    live = queue.filter(leased_to=by, leased_until__gt=Now())
    return list(live.filter(lease=lease)) if lease else []


def _first_lease(queue: QuerySet[Sample], by: Any) -> uuid.UUID | None:
    """Which of this member's batches came first, however often each was prolonged since.

    They hold a few hundred samples at most: asked for all of them, because asked for the lowest one
    a database would rather walk through the whole queue than use the index on the member.
    """
    live = queue.filter(leased_to=by, leased_until__gt=Now()).order_by()
    found: tuple[int, uuid.UUID | None] = min(live.values_list("pk", "lease"), default=(0, None))
    return found[1]


def _renewed(samples: list[Sample], by: Any) -> Batch:
    lease = samples[0].lease
    assert lease is not None
    return Batch(samples, lease, renew_lease(lease, by))


def _until() -> Any:
    return Now() + timedelta(minutes=LEASE_MINUTES)
