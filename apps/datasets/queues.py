"""What waits for whom: the review queues, by class and by hold, and the list on the start page."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from apps.datasets import tallies
from apps.datasets.actions.settling import answered
from apps.datasets.models import (
    Contribution,
    Dataset,
    Hold,
    Membership,
    Policy,
    Review,
    Role,
    Sample,
    SchemaChange,
    Tally,
    Version,
)
from apps.datasets.permissions import ORDER, may
from apps.datasets.reads import open_claims, roles_of

AT_ONCE = 20


@dataclass(frozen=True)
class Waiting:
    """Something that waits for this member: `kind` picks the sentence and the link."""

    kind: str
    dataset: Dataset
    count: int = 0
    thing: Any = None


def waiting_for(user: Any) -> list[Waiting]:
    """What this member could do next, the most pressing kind first; of each at most AT_ONCE, and the
    others as soon as these are done."""
    roles = roles_of(user)
    datasets = Dataset.objects.in_bulk(roles)

    def with_role(needed: Role) -> list[int]:
        return [pk for pk, role in roles.items() if ORDER.index(role) <= ORDER.index(needed)]

    receiving = Contribution.Status.RECEIVING
    unfinished = Contribution.objects.filter(member=user, status=receiving, dataset__in=roles)
    drafts = Version.objects.filter(
        dataset__in=with_role(Role.MAINTAINER), status=Version.Status.DRAFT
    )
    decidable = review_counts(with_role(Role.REVIEWER), user, with_role(Role.MAINTAINER))
    wanting = wanting_successor(Version.objects.filter(dataset__in=with_role(Role.MAINTAINER)))
    things: dict[str, QuerySet[Any]] = {
        "unfinished": unfinished,
        "draft": drafts,
        "successor": wanting,
        "change": undecided(with_role(Role.MAINTAINER), user),
    }
    found = [
        Waiting(kind, datasets[each.dataset_id], thing=each)
        for kind, waiting in things.items()
        for each in waiting[:AT_ONCE]
    ]
    found += _claims_waiting(with_role(Role.MAINTAINER), datasets)
    most = sorted(decidable.items())[:AT_ONCE]
    found += [Waiting("review", datasets[pk], count=n) for pk, n in most]
    found += _labels_wanted(with_role(Role.CONTRIBUTOR), with_role(Role.REVIEWER), datasets)
    return found


def wanting_successor(versions: QuerySet[Version]) -> QuerySet[Version]:
    """Those of which something was withdrawn, as long as nothing newer stands in for them."""
    newer = Version.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    gone = [Version.Status.FAILED, Version.Status.DISCARDED]
    lacking = versions.filter(status=Version.Status.APPROVED, withdrawn__gt=0)
    return lacking.exclude(Exists(newer.exclude(status__in=gone)))


def undecided(datasets: Collection[int], user: Any) -> QuerySet[SchemaChange]:
    """Proposed changes of classes that this maintainer may approve: one's own only where one is
    alone."""
    others = Membership.objects.filter(
        dataset=OuterRef("dataset"), role__in=[Role.OWNER, Role.MAINTAINER], member__is_active=True
    ).exclude(member=user)
    proposed = SchemaChange.objects.filter(
        dataset__in=datasets, status=SchemaChange.Status.PROPOSED
    )
    return proposed.exclude(Q(by=user) & Exists(others)).select_related("by").order_by("pk")


def _claims_waiting(keys: list[int], datasets: dict[int, Dataset]) -> list[Waiting]:
    """Images whose folder is no class yet. Only datasets with unclassed samples are looked into."""
    unclassed = Tally.objects.filter(dataset__in=keys, label=0, status=Sample.Status.PENDING)
    found = unclassed.filter(number__gt=0).order_by("dataset").values_list("dataset").distinct()
    counted = [
        (pk, open_claims(Sample.objects.filter(dataset=pk, status=Sample.Status.PENDING)).count())
        for (pk,) in found[:AT_ONCE]
    ]
    return [Waiting("claims", datasets[pk], count=number) for pk, number in counted if number]


def _labels_wanted(
    contributed: list[int], reviewed: list[int], datasets: dict[int, Dataset]
) -> list[Waiting]:
    """Datasets whose labelling page has something for a member who cannot settle it by review."""
    rows = Tally.objects.filter(status=Sample.Status.PENDING, hold="", number__gt=0)
    labels_only = set(contributed) - set(reviewed)
    unlabelled = Q(dataset__in=labels_only, label=0, dataset__policy=Policy.SINGLE)
    votes = Q(dataset__in=reviewed, dataset__policy=Policy.CONSENSUS)
    found = rows.filter(unlabelled | votes).order_by("dataset").values_list("dataset", flat=True)
    return [Waiting("label", datasets[pk]) for pk in found.distinct()[:AT_ONCE]]


def review_counts(
    datasets: Collection[int], user: Any, maintained: Collection[int]
) -> dict[int, int]:
    """{dataset id: how many samples wait for this reviewer}, datasets with none left out.

    Under consensus the ordinary queue is labelled, not reviewed. `maintained`: where the member
    may decide what people disagree about.
    """
    rows = Tally.objects.filter(dataset__in=datasets, status=Sample.Status.PENDING)
    rows = rows.exclude(contribution__member=user).exclude(hold=Hold.APPEAL)
    rows = rows.exclude(hold="", dataset__policy=Policy.CONSENSUS)
    rows = rows.filter(~Q(hold=Hold.EXPERT) | Q(dataset__in=maintained))
    counts = dict(rows.order_by().values_list("dataset").annotate(n=Sum("number")))
    appeals = appealed(Sample.objects.filter(dataset__in=datasets), user).order_by()
    for dataset, number in appeals.values_list("dataset").annotate(n=Count("pk")):
        counts[dataset] = counts.get(dataset, 0) + number
    return {dataset: number for dataset, number in counts.items() if number}


def appealed(samples: QuerySet[Sample], user: Any) -> QuerySet[Sample]:
    """Appeals that this member may decide about: neither their own nor against themselves."""
    mine = Review.objects.filter(sample=OuterRef("pk"), by=user, decision=Review.Decision.REJECT)
    held = samples.filter(status=Sample.Status.PENDING, hold=Hold.APPEAL)
    return held.exclude(contributor=user).exclude(Exists(mine))


def to_review(dataset: Dataset, user: Any) -> QuerySet[Sample]:
    """Pending samples of the dataset that this member may decide about: under consensus, say what
    they are, once."""
    found: QuerySet[Sample] = Sample.objects.reviewable_by(user).filter(dataset=dataset)
    if dataset.policy == Policy.CONSENSUS:
        found = found.exclude(answered(user, dataset))
    return found


def to_review_own(dataset: Dataset, user: Any) -> QuerySet[Sample]:
    """The member's own samples that wait for somebody else, the oldest first."""
    pending = Sample.objects.filter(dataset=dataset, status=Sample.Status.PENDING, hold=Hold.NONE)
    return pending.filter(contributor=user).order_by("pk")


def own_waiting(dataset: Dataset, user: Any) -> int:
    """How many of the member's own samples wait for somebody else."""
    rows = tallies.waiting(dataset).filter(contribution__member=user)
    return rows.aggregate(n=Sum("number"))["n"] or 0


def in_queue(dataset: Dataset, user: Any, hold: str) -> QuerySet[Sample]:
    """Held samples of one kind that this member may decide about."""
    if hold == Hold.APPEAL:
        return appealed(Sample.objects.filter(dataset=dataset), user)
    found: QuerySet[Sample] = Sample.objects.filter(
        dataset=dataset, status=Sample.Status.PENDING, hold=hold
    ).exclude(contributor=user)
    if hold == Hold.EXPERT and not may(user, dataset, Role.MAINTAINER):
        return found.none()
    return found


def held_queues(dataset: Dataset, user: Any) -> dict[str, int]:
    """{hold: how many wait for this member} of what is held; `alike` is both kinds of look-alikes."""
    rows = dataset.tallies.filter(status=Sample.Status.PENDING).exclude(hold="")
    counted = rows.exclude(contribution__member=user).values_list("hold").annotate(n=Sum("number"))
    found = {hold: number for hold, number in counted.order_by() if number}
    if Hold.APPEAL in found:
        found[Hold.APPEAL] = in_queue(dataset, user, Hold.APPEAL).count()
    if not may(user, dataset, Role.MAINTAINER):
        found.pop(Hold.EXPERT, None)
    found["alike"] = found.pop(Hold.LOOKALIKE, 0) + found.pop(Hold.BRIDGE, 0)
    return {hold: number for hold, number in found.items() if number}
