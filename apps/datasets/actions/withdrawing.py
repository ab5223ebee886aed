"""Withdrawal: a sample leaves the dataset for good; frozen versions keep saying that it was there."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import change_samples
from apps.datasets.models import Contribution, Dataset, Role, Sample, Version, VersionSpan
from apps.datasets.permissions import require
from apps.errors import forbidden, invalid
from apps.state.doorbell import ring

ERASE = "apps.datasets.tasks.erase"
PORTION = 500


def withdraw_samples(dataset: Dataset, by: Any, samples: Sequence[Sample], why: str = "") -> int:
    """Withdraw samples of one dataset; returns how many were not withdrawn before.

    Contributors withdraw what they brought, and need no reason. A maintainer takes down anybody's,
    and says why. It cannot be undone: a worker erases the bytes.
    """
    why = why.strip()[:500]
    if any(sample.contributor_id != by.pk for sample in samples):
        require(by, dataset, Role.MAINTAINER)
        if not why:
            text = _("Say why it is taken down: its contributor will read it.")
            raise invalid("reason_required", text, field="why")
    with transaction.atomic():
        # As a freeze does: what is withdrawn is either wholly in its snapshot or not at all.
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        todo = [sample for sample in samples if sample.status != Sample.Status.WITHDRAWN]
        to = Sample.Status.WITHDRAWN
        gone = change_samples(todo, to=to, by=by, why=why, withdrawn_at=Now(), disputed=False)
        _count_in_versions(dataset, [sample.pk for sample in gone])
        if gone:
            ring(ERASE)
    return len(gone)


def withdraw_contribution(contribution: Contribution, by: Any, why: str = "") -> int:
    """Withdraw everything of a contribution, in portions: what is done stays done."""
    if contribution.member_id != by.pk:
        require(by, contribution.dataset, Role.MAINTAINER)
    if contribution.status == Contribution.Status.RECEIVING:
        text = _("It is still open. Discard it instead.")
        raise forbidden("still_receiving", text)
    left = contribution.samples.exclude(status=Sample.Status.WITHDRAWN).order_by("pk")
    total = 0
    while portion := list(left[:PORTION]):
        total += withdraw_samples(contribution.dataset, by, portion, why)
    return total


def _count_in_versions(dataset: Dataset, keys: list[int]) -> None:
    """Versions never change, but each says how many of its samples are gone."""
    for start in range(0, len(keys), PORTION):
        of_these = VersionSpan.objects.filter(sample__in=keys[start : start + PORTION])
        for first, last in of_these.values_list("first", "last"):
            within = Q(number__gte=first) & (Q(number__lte=last) if last else Q())
            Version.objects.filter(within, dataset=dataset).update(withdrawn=F("withdrawn") + 1)
