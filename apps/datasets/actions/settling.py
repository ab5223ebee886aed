"""Votes on samples, and what a dataset's policy makes of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from django.db.models import Exists, OuterRef, Q

from apps.datasets.actions.changing import NO_LEASE, change_samples
from apps.datasets.consensus import EXPERT, REJECT, SETTLED, UNSURE, Option, Rule, disputed, verdict
from apps.datasets.lineage import lineage_of
from apps.datasets.models import (
    Annotation,
    Dataset,
    Hold,
    Membership,
    Policy,
    Review,
    Role,
    Sample,
)

# Who speaks as a person that looked: a model or a change of the classes is no vote.
VOTERS = frozenset({Annotation.As.UPLOADER, Annotation.As.LABELLER, Annotation.As.REVIEWER})
Votes = dict[int, dict[int, Option]]
# What the event of a sample says that its votes have settled.
CONSENSUS = "consensus"


def rule_of(dataset: Dataset) -> Rule:
    support = Fraction(dataset.support)
    return Rule(dataset.labels_needed, support, dataset.labels_max, _voters(dataset))


def _voters(dataset: Dataset) -> frozenset[int]:
    """Who is asked for labels under consensus. Whoever brought a sample is, with it, heard already."""
    reviewers = Membership.objects.filter(dataset=dataset, member__is_active=True)
    reviewers = reviewers.exclude(role=Role.CONTRIBUTOR)
    return frozenset(reviewers.values_list("member", flat=True))


def votes_on(keys: Sequence[int]) -> Votes:
    """{sample: {member: their latest answer}}: labels and rejections, unless undone.

    keys: samples of one dataset. A vote for a class that was merged counts for the one it went into;
    one from before a split counts no more, because nobody knows which part was meant.
    """
    lineage = lineage_of(Sample.objects.filter(pk__in=keys[:1]).values("dataset")[:1])
    reviews = Review.objects.filter(sample__in=keys).order_by("pk")
    undos = reviews.filter(decision=Review.Decision.UNDO)
    undone = set(undos.values_list("sample", "by", "batch"))
    said: list[tuple[datetime, int, int, Option | None]] = []
    labels = Annotation.objects.filter(sample__in=keys, role__in=VOTERS).order_by("pk")
    for sample, by, batch, label, at in labels.values_list("sample", "by", "batch", "label", "at"):
        if (sample, by, batch) not in undone:
            said.append((at, sample, by, UNSURE if label is None else lineage.now(label, at)))
    rejections = reviews.filter(decision=Review.Decision.REJECT)
    for sample, by, batch, at in rejections.values_list("sample", "by", "batch", "at"):
        if (sample, by, batch) not in undone:
            said.append((at, sample, by, REJECT))
    votes: Votes = {key: {} for key in keys}
    for _at, sample, by, option in sorted(said, key=lambda each: each[0]):
        if option is not None:
            votes[sample][by] = option
        else:
            votes[sample].pop(by, None)
    return votes


def undone_by(member: Any) -> Exists:
    """Of an annotation or a review of this member: whether they took it back."""
    undo = Review.objects.filter(by=member, decision=Review.Decision.UNDO)
    return Exists(undo.filter(sample=OuterRef("sample"), batch=OuterRef("batch")))


def answered(member: Any, dataset: Dataset) -> Q:
    """Of a sample: whether this member has said what it is, and stands by it.

    What they said before its class was split counts no more: they may say it again.
    """
    labels = Annotation.objects.filter(sample=OuterRef("pk"), by=member, role__in=VOTERS)
    labels = labels.exclude(lineage_of(dataset).outdated())
    rejected = Review.objects.filter(
        sample=OuterRef("pk"), by=member, decision=Review.Decision.REJECT
    )
    undone = undone_by(member)
    return Q(Exists(labels.exclude(undone))) | Q(Exists(rejected.exclude(undone)))


def mark_disputed(samples: Iterable[Sample], votes: Votes) -> None:
    """Keep `Sample.disputed` true to the votes."""
    for state in (True, False):
        keys = [
            sample.pk
            for sample in samples
            if disputed(votes[sample.pk]) is state and sample.disputed is not state
        ]
        if keys:
            Sample.objects.filter(pk__in=keys).update(disputed=state)


def settle_by_votes(dataset: Dataset, samples: Sequence[Sample], by: Any) -> int:
    """After votes were written: under consensus, settle what is agreed and hand on what is not.

    Returns how many samples were settled. Only pending samples move; the rest keep their state.
    """
    votes = votes_on([sample.pk for sample in samples])
    mark_disputed(samples, votes)
    if dataset.policy != Policy.CONSENSUS:
        return 0
    rule = rule_of(dataset)
    settled = 0
    outcomes: dict[tuple[str, Option | None], list[Sample]] = {}
    for sample in samples:
        if sample.status == Sample.Status.PENDING and sample.hold == Hold.NONE:
            found = verdict(votes[sample.pk], rule)
            outcomes.setdefault((found.state, found.option), []).append(sample)
    for (state, option), group in outcomes.items():
        if state == SETTLED:
            settled += len(_settle(group, option, by))
        elif state == EXPERT:
            change_samples(group, hold=Hold.EXPERT, **NO_LEASE)
    return settled


def _settle(group: list[Sample], option: Option | None, by: Any) -> list[Sample]:
    if option == REJECT:
        return change_samples(group, to=Sample.Status.REJECTED, by=by, why=CONSENSUS)
    to = Sample.Status.APPROVED
    return change_samples(group, to=to, by=by, why=CONSENSUS, label_id=option)
