"""What a dataset owes to one of its people: what they brought, what came of it, how it is credited.

Numbers are sums over tallies. Nothing here compares people by how much they bring: that invites junk.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, Sum, When
from django.utils.translation import ngettext

from apps.datasets.models import (
    Contribution,
    Dataset,
    Hold,
    Membership,
    Review,
    Role,
    Sample,
    Tally,
    Version,
)
from apps.datasets.permissions import may


def people_shown(dataset: Dataset, viewer: Any) -> QuerySet[Any]:
    """Whoever brought something: that is no secret. Other members are known to members alone."""
    brought = Exists(Contribution.objects.filter(dataset=dataset, member=OuterRef("pk")))
    if not may(viewer, dataset, Role.CONTRIBUTOR):
        return get_user_model().objects.filter(brought)
    belongs = Exists(Membership.objects.filter(dataset=dataset, member=OuterRef("pk")))
    return get_user_model().objects.filter(brought | belongs)


def may_see_inside(viewer: Any, dataset: Dataset, member: Any) -> bool:
    """What was rejected and why, and how well somebody reviews, helps them and other reviewers."""
    return bool(viewer.pk == member.pk) or may(viewer, dataset, Role.REVIEWER)


@dataclass(frozen=True)
class Brought:
    """Samples by what became of them, now."""

    approved: int
    pending: int
    held: int  # of the pending
    rejected: int
    withdrawn: int

    @property
    def total(self) -> int:
        return self.approved + self.pending + self.rejected + self.withdrawn


def brought_by(dataset: Dataset, member: Any) -> Brought:
    rows = dataset.tallies.filter(contribution__member=member).order_by()
    counts: Counter[str] = Counter()
    for status, hold, number in rows.values_list("status", "hold").annotate(n=Sum("number")):
        counts[status] += number
        counts["held"] += number if hold != Hold.NONE else 0
    return Brought(**{name: counts[name] for name in Brought.__dataclass_fields__})


def rejected_number(dataset: Dataset, member: Any) -> int:
    rows = dataset.tallies.filter(contribution__member=member, status=Sample.Status.REJECTED)
    return int(rows.aggregate(n=Sum("number"))["n"] or 0)


def batches_of(dataset: Dataset, member: Any) -> QuerySet[Contribution]:
    """Newest first; what was discarded is nobody's contribution."""
    found: QuerySet[Contribution] = dataset.contributions.filter(member=member)
    return found.exclude(status=Contribution.Status.DISCARDED).order_by("-pk")


def counts_of(batches: Iterable[Contribution]) -> dict[int, Counter[str]]:
    """{contribution: {status: samples}}."""
    counts: dict[int, Counter[str]] = {each.pk: Counter() for each in batches}
    rows = Tally.objects.filter(contribution__in=counts).order_by()
    grouped = rows.values_list("contribution", "status").annotate(n=Sum("number"))
    for contribution, status, number in grouped:
        counts[contribution][status] = number
    return counts


# --- what was rejected ------------------------------------------------------------------------------


def rejected_samples(dataset: Dataset, member: Any) -> QuerySet[Any]:
    """Newest first, each with `why`, `note`, `decided_at` and whether it was `appealed` already."""
    reviews = Review.objects.filter(sample=OuterRef("pk"))
    said = reviews.filter(decision=Review.Decision.REJECT).order_by("-pk")
    appeals = reviews.filter(decision=Review.Decision.APPEAL)
    found: QuerySet[Any] = dataset.samples.annotate(
        why=Subquery(said.values("reason")[:1]),
        note=Subquery(said.values("note")[:1]),
        decided_at=Subquery(said.values("at")[:1]),
        appeal=Subquery(appeals.values("pk")[:1]),  # PostgreSQL would read every review for Exists
    ).annotate(appealed=Case(When(appeal__isnull=False, then=True), default=False))
    return found.filter(contributor=member, status=Sample.Status.REJECTED).order_by("-pk")


# --- credit -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Credit:
    """What a version says of a member."""

    version: Version
    samples: int
    corrected: int

    def line(self, member: str, address: str) -> str:
        """As it may stand under a paper or in a readme."""
        version, dataset = self.version, self.version.dataset
        text = ngettext(
            "%(member)s brought %(n)s of the %(all)s samples of %(title)s, version %(number)s (%(licence)s, sha256 %(digest)s): %(address)s",
            "%(member)s brought %(n)s of the %(all)s samples of %(title)s, version %(number)s (%(licence)s, sha256 %(digest)s): %(address)s",
            self.samples,
        )
        return text % {
            "member": member,
            "n": self.samples,
            "all": version.size,
            "title": dataset.title,
            "number": version.number,
            "licence": dataset.licence,
            "digest": version.digest[:12],
            "address": address,
        }


def credits_in(versions: Iterable[Version], username: str) -> list[Credit]:
    return [
        Credit(version, each["samples"], each["corrected"])
        for version in versions
        for each in version.credits
        if each["member"] == username
    ]


def credited_versions(dataset: Dataset) -> QuerySet[Version]:
    """Those that may be cited, newest first."""
    found: QuerySet[Version] = dataset.versions.exclude(digest="").select_related("dataset")
    return found.exclude(status=Version.Status.DISCARDED).order_by("-number")
