"""After a change of policy, or of who may be asked: what waits is judged, in a worker, in portions.

A portion is one transaction under the worker's claim. Judging twice changes nothing, so whoever goes on
after a crash begins anew.
"""

import logging
import socket
import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.datasets.actions.changing import NO_LEASE, change_samples, together
from apps.datasets.actions.settling import rule_of, settle_by_votes, votes_on
from apps.datasets.consensus import EXPERT, verdict
from apps.datasets.models import Dataset, Hold, Policy, PolicyChange, Sample
from apps.errors import RuleError

log = logging.getLogger(__name__)

JUDGE = "apps.datasets.tasks.judge"
CLAIM_SECONDS = 120
PORTION = 500


def judge_waiting() -> int:
    """Judge what waits where the policy was changed; returns how many changes were finished here."""
    finished = 0
    while change := claim_policy_change():
        try:
            with_it = _waiting_too(change)
            for _judged in portions(change):
                pass
            _keep_claim(change, judged_at=Now(), claimed_by="", claimed_until=None)
            unjudged().filter(pk__in=with_it, claimed_until=None).update(judged_at=Now())
            finished += 1
        except RuleError:
            log.warning("change of policy %s was taken over by another worker", change.pk)
        except Exception:  # its claim runs out, and somebody tries again
            log.exception("what waits could not be judged by change of policy %s", change.pk)
    return finished


def unjudged() -> QuerySet[PolicyChange]:
    return PolicyChange.objects.filter(judged_at=None)


def waiting_for_votes(dataset: Dataset) -> QuerySet[Sample]:
    """What a policy judges: open for votes, or with an expert because the votes disagree."""
    found: QuerySet[Sample] = dataset.samples.filter(
        status=Sample.Status.PENDING, hold__in=[Hold.NONE, Hold.EXPERT]
    )
    return found


def claim_policy_change() -> PolicyChange | None:
    """Lease one change that nobody works on (any more)."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
    key = unjudged().filter(free).order_by("pk").values_list("pk", flat=True).first()
    if key is None:
        return None
    claim = f"{socket.gethostname()[:40]}:{uuid.uuid4().hex[:12]}"
    if not unjudged().filter(free, pk=key).update(claimed_by=claim, claimed_until=_until()):
        return claim_policy_change()
    return PolicyChange.objects.select_related("by").get(pk=key)


def _waiting_too(change: PolicyChange) -> list[int]:
    """Changes of the same dataset that are known by now: one pass judges by all of them."""
    others = unjudged().filter(dataset=change.dataset_id, claimed_until=None)
    return list(others.values_list("pk", flat=True))


def portions(change: PolicyChange) -> Iterator[int]:
    """Judge what waits by the policy as it is by now; yields how many samples each portion looked at.

    Raises RuleError("claim_lost") when another worker holds the change by now.
    """
    last = 0
    while keys := _next(change, last):
        dataset = Dataset.objects.get(pk=change.dataset_id)
        with together(dataset, keys):
            _keep_claim(change, claimed_until=_until())
            _judge(dataset, list(waiting_for_votes(dataset).filter(pk__in=keys)), change)
        last = keys[-1]
        yield len(keys)


def _next(change: PolicyChange, last: int) -> list[int]:
    """The samples after that one; none where a policy without votes is in force."""
    dataset = Dataset.objects.get(pk=change.dataset_id)
    if dataset.policy != Policy.CONSENSUS:
        return []
    left = waiting_for_votes(dataset).filter(pk__gt=last).order_by("pk")
    return list(left.values_list("pk", flat=True)[:PORTION])


def _judge(dataset: Dataset, samples: list[Sample], change: PolicyChange) -> None:
    """Votes that an expert need not decide about any more are open again, and may settle it."""
    rule, votes = rule_of(dataset), votes_on([sample.pk for sample in samples])
    held = [sample for sample in samples if sample.hold == Hold.EXPERT]
    freed = [sample for sample in held if verdict(votes[sample.pk], rule).state != EXPERT]
    change_samples(freed, hold=Hold.NONE, **NO_LEASE)
    # Whoever came or went decided nothing.
    settle_by_votes(dataset, samples, None if change.people else change.by)


def _keep_claim(change: PolicyChange, **fields: object) -> None:
    """Write to the change, as long as it is this worker's."""
    ours = PolicyChange.objects.filter(pk=change.pk, claimed_by=change.claimed_by)
    if not ours.update(**fields):
        raise RuleError("claim_lost", "another worker judges this now")


def _until() -> object:
    return Now() + timedelta(seconds=CLAIM_SECONDS)
