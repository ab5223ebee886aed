"""Moving the samples of a changed class, in a worker: in portions, repeatable after a crash.

Each portion is one transaction that also counts it under the worker's claim, so a portion is moved
once or not at all, and whoever goes on after a crash sees what is left by the samples themselves.
"""

import logging
import socket
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.datasets import seals
from apps.datasets.actions.changing import change_samples, together
from apps.datasets.actions.naming import adopt_claims, one_at_a_time, require_free
from apps.datasets.actions.settling import mark_disputed, votes_on
from apps.datasets.changes import MOVING, Kind, Status, moved_after, to_move, to_take_back
from apps.datasets.models import Annotation, Dataset, LabelClass, Sample, SchemaChange
from apps.datasets.tallies import left_behind
from apps.errors import RuleError
from apps.state.actions import move
from apps.state.models import Event

log = logging.getLogger(__name__)

CLAIM_SECONDS = 120
PORTION = 500


def apply_changes() -> int:
    """Finish every change of classes that waits for it; returns how many were finished here."""
    finished = 0
    while change := claim_change():
        try:
            for _moved in portions(change):
                pass
            _end(change)
            finished += 1
        except RuleError:
            log.warning("change %s was taken over by another worker", change.pk)
        except Exception:  # its claim runs out, and somebody tries again
            log.exception("change %s could not be applied", change.pk)
    return finished


def waiting_changes() -> Q:
    """Those on their way, and those done ones whose class somebody gave to a sample meanwhile."""
    behind = left_behind().values("label")
    strays = Q(status=Status.APPLIED, kind__in=[Kind.MERGE, Kind.SPLIT], label__in=behind)
    return Q(status__in=MOVING) | strays


def claim_change() -> SchemaChange | None:
    """Lease one change that nobody works on (any more)."""
    free = waiting_changes() & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    keys = SchemaChange.objects.filter(free).order_by("pk").values_list("pk", flat=True)
    key = keys.first()
    if key is None:
        return None
    claim = f"{socket.gethostname()[:40]}:{uuid.uuid4().hex[:12]}"
    if not SchemaChange.objects.filter(free, pk=key).update(
        claimed_by=claim, claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS)
    ):
        return claim_change()
    related = ("dataset", "label", "into", "decided_by", "reverted_by")
    return SchemaChange.objects.select_related(*related).get(pk=key)


def portions(change: SchemaChange) -> Iterator[int]:
    """Move what is left of a claimed change; yields how many samples each portion moved.

    Raises RuleError("claim_lost") when another worker holds it by now.
    """
    last = 0
    while keys := _next(change, last):
        with together(change.dataset, keys):
            moved = _move(change, keys)
            _count(change, moved)
        last = keys[-1]
        yield moved
    yield from _mend_disputes(change)


def _next(change: SchemaChange, last: int) -> list[int]:
    """The samples to look at after that one."""
    if change.status == Status.REVERTING:
        return moved_after(change, last, PORTION)
    left = to_move(change).filter(pk__gt=last).order_by("pk")
    return list(left.values_list("pk", flat=True)[:PORTION])


def _move(change: SchemaChange, keys: list[int]) -> int:
    """One portion: read again under a lock, so that nothing which changed since is overwritten."""
    back = change.status == Status.REVERTING
    samples = _locked(Sample.objects.all() if back else to_move(change), keys)
    if back:
        wanted = to_take_back(change, keys)
        samples = [sample for sample in samples if sample.pk in wanted]
    by = change.reverted_by if back else change.decided_by
    label = change.label if back else change.into
    if change.kind == Kind.MERGE:
        change_samples(samples, label=label)
    elif back:
        _settle_again(change, samples)
    else:
        _open_again(change, samples)
    _write(change, samples, label, by)
    return len(samples)


def _locked(found: QuerySet[Sample], keys: list[int]) -> list[Sample]:
    return list(found.filter(pk__in=keys).order_by("pk").select_for_update(of=("self",)))


def _open_again(change: SchemaChange, samples: list[Sample]) -> None:
    """A split's samples have no class, and those that were approved wait for one."""
    approved = [each for each in samples if each.status == Sample.Status.APPROVED]
    others = [each for each in samples if each.status != Sample.Status.APPROVED]
    to = Sample.Status.PENDING
    change_samples(approved, to=to, by=change.decided_by, why=_mark(change), label=None)
    change_samples(others, label=None)


def _settle_again(change: SchemaChange, samples: list[Sample]) -> None:
    """A split's samples get their class back, and those that were approved are approved again."""
    events = Event.objects.filter(
        subject=Sample._meta.label_lower,
        subject_id__in=[sample.pk for sample in samples],
        was=Sample.Status.APPROVED,
        why=_mark(change),
    )
    were = set(events.values_list("subject_id", flat=True))
    were &= {sample.pk for sample in samples if sample.status == Sample.Status.PENDING}
    again = [each for each in samples if each.pk in were]
    to = Sample.Status.APPROVED
    change_samples(again, to=to, by=change.reverted_by, why=_mark(change), label=change.label)
    change_samples([each for each in samples if each.pk not in were], label=change.label)


def _mark(change: SchemaChange) -> str:
    """Why a sample's status changed: names the change, so that taking it back finds it."""
    return f"change of classes {change.pk}"


def _write(
    change: SchemaChange, samples: Sequence[Sample], label: LabelClass | None, by: Any
) -> None:
    batch = uuid.uuid4()
    role = Annotation.As.SCHEMA
    Annotation.objects.bulk_create(
        Annotation(sample=sample, label=label, by=by, role=role, change=change, batch=batch)
        for sample in samples
    )


def _count(change: SchemaChange, moved: int) -> None:
    """How far it is; renews the claim on the way."""
    ours = SchemaChange.objects.filter(pk=change.pk, claimed_by=change.claimed_by)
    until = Now() + timedelta(seconds=CLAIM_SECONDS)
    if not ours.update(done=F("done") + moved, claimed_until=until):
        raise RuleError("claim_lost", "another worker applies this change now")


def _mend_disputes(change: SchemaChange) -> Iterator[int]:
    """Whether people disagree about a sample that was once called so may be otherwise now.

    Sealed samples keep their mark: its change would tell who had the class.
    """
    open_ones = seals.without_hidden(change.dataset.samples.all(), change.dataset)
    last = 0
    while keys := _disputable(change, last):
        found = open_ones.filter(pk__in=keys).exclude(status=Sample.Status.WITHDRAWN)
        mark_disputed(list(found), votes_on(keys))
        _count(change, 0)
        last = keys[-1]
        yield 0


def _disputable(change: SchemaChange, last: int) -> list[int]:
    """Samples after that one: with fewer classes, whatever is disputed; with one more, whatever was
    ever called so."""
    if change.status != Status.REVERTING:
        disputed = Sample.objects.filter(dataset=change.dataset, disputed=True, pk__gt=last)
        return list(disputed.order_by("pk").values_list("pk", flat=True)[:PORTION])
    said = Annotation.objects.filter(label=change.label, sample__gt=last).order_by("sample")
    return list(said.values_list("sample", flat=True).distinct()[:PORTION])


def _end(change: SchemaChange) -> None:
    with transaction.atomic():
        one_at_a_time(change.dataset)
        guard = {"claimed_by": change.claimed_by}
        free: dict[str, Any] = {"claimed_by": "", "claimed_until": None}
        if change.status == Status.APPLYING:
            move(change, Status.APPLIED, guard=guard, **free)
            _end_split(change)
        elif change.status == Status.REVERTING:
            move(change, Status.REVERTED, guard=guard, **free)
            _end_split_back(change)
        else:
            SchemaChange.objects.filter(pk=change.pk, **guard).update(**free)


def _end_split(change: SchemaChange) -> None:
    """The old class is back where it is one of the parts."""
    if change.facts.get("stays"):
        label = change.label
        label.retired_at = None
        label.save(update_fields=["retired_at"])
        adopt_claims(label)


def _end_split_back(change: SchemaChange) -> None:
    """Parts that nobody used go; names that the parts had taken from the old class come back."""
    if change.kind != Kind.SPLIT:
        return
    for part in LabelClass.objects.filter(pk__in=change.facts["made"]):
        if unused(part):
            part.key, part.retired_at = "", Now()
            part.save(update_fields=["key", "retired_at"])
    label = change.label
    label.refresh_from_db()
    label.aliases += [name for name in change.facts["dropped"] if _is_free(change.dataset, name)]
    label.save(update_fields=["aliases"])
    adopt_claims(label)


def unused(part: LabelClass) -> bool:
    """Nobody has said it of a sample, and no other change names it."""
    said = Annotation.objects.filter(label=part)
    changes = SchemaChange.objects.filter(Q(label=part) | Q(into=part))
    return not said.exists() and not changes.exclude(status=Status.DECLINED).exists()


def _is_free(dataset: Dataset, name: str) -> bool:
    try:
        require_free(dataset, [name])
    except RuleError:
        return False
    return True
