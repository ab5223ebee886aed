"""The review policy: changed by a maintainer, looked at beforehand, in force from then on."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.datasets.actions.judging import JUDGE, waiting_for_votes
from apps.datasets.actions.settling import rule_of, votes_on
from apps.datasets.consensus import EXPERT, SETTLED, verdict
from apps.datasets.models import Dataset, Policy, PolicyChange, Role, Sample, Support
from apps.datasets.permissions import require
from apps.errors import RuleError, invalid
from apps.state.doorbell import ring

FIELDS = ("policy", "labels_needed", "support", "labels_max")
PORTION = 1000


def change_policy(dataset: Dataset, by: Any, **fields: Any) -> Dataset:
    """From now on. What is settled stays settled; what waits is judged by a worker, soon."""
    require(by, dataset, Role.MAINTAINER)
    changed = _with(dataset, fields)
    before, after = _policy(dataset), _policy(changed)
    if before == after:
        raise RuleError("nothing_changed", _("This is the policy already."))
    with transaction.atomic():
        changed.save(update_fields=list(FIELDS))
        PolicyChange.objects.create(dataset=dataset, by=by, before=before, after=after)
        ring(JUDGE)
    return changed


def judge_again(dataset: Dataset, by: Any) -> None:
    """Who may be asked has changed: what waits for them, or went to a maintainer without them, is judged.

    To be called in the transaction that changes it.
    """
    if dataset.policy == Policy.CONSENSUS:
        same = _policy(dataset)
        PolicyChange.objects.create(dataset=dataset, by=by, before=same, after=same, people=True)
        ring(JUDGE)


def preview_policy(dataset: Dataset, by: Any, **fields: Any) -> dict[str, int]:
    """What the changed policy would make of the samples as they are, and change nothing.

    pass: pending ones that have the labels they need; expert: pending ones on which people disagree
    too often; hold: pending ones that wait for (more) labels; reopen: approved ones that would not
    have passed. The first three are about what the worker judges once the policy is changed.
    """
    require(by, dataset, Role.MAINTAINER)
    changed = _with(dataset, fields)
    counts: Counter[str] = Counter({"pass": 0, "expert": 0, "hold": 0, "reopen": 0})
    if changed.policy != Policy.CONSENSUS:
        counts["hold"] = dataset.samples.filter(status=Sample.Status.PENDING, hold="").count()
        return dict(counts)
    rule = rule_of(changed)
    approved = dataset.samples.filter(status=Sample.Status.APPROVED)
    samples = (waiting_for_votes(dataset) | approved).order_by("pk")
    for portion in _portions(samples.values_list("pk", "status").iterator(PORTION)):
        votes = votes_on([pk for pk, _status in portion])
        for pk, status in portion:
            state = verdict(votes[pk], rule).state
            counts[_fate(status, state)] += 1
    del counts["stays"]
    return dict(counts)


def _fate(status: str, state: str) -> str:
    if status == Sample.Status.APPROVED:
        return "stays" if state == SETTLED else "reopen"
    return {SETTLED: "pass", EXPERT: "expert"}.get(state, "hold")


def _portions(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while portion := list(islice(rows, PORTION)):
        yield portion


def _policy(dataset: Dataset) -> dict[str, Any]:
    return {name: getattr(dataset, name) for name in FIELDS}


def _with(dataset: Dataset, fields: dict[str, Any]) -> Dataset:
    """A copy with the changes, if they make sense."""
    copy = Dataset.objects.get(pk=dataset.pk)
    for name, value in fields.items():
        if name not in FIELDS:
            raise invalid("unknown_field", _("Unknown fields: %s.") % name, field=name)
        setattr(copy, name, value)
    if copy.policy not in Policy.values or copy.support not in Support.values:
        raise invalid("unknown_policy", _("There is no such policy."), field="policy")
    if not 2 <= copy.labels_needed <= 9:
        text = _("Between 2 and 9 people have to label each.")
        raise invalid("labels_needed", text, field="labels_needed")
    if not copy.labels_needed <= copy.labels_max <= 15:
        text = _("At most 15, and not fewer than are needed.")
        raise invalid("labels_max", text, field="labels_max")
    return copy
