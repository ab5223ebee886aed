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
from apps.errors import invalid
from apps.state.actions import move
from apps.state.doorbell import ring

ERASE = "apps.datasets.tasks.erase"
PORTION = 500


def withdraw_samples(dataset: Dataset, by: Any, samples: Sequence[Sample], why: str = "") -> int:
    """Withdraw samples of one dataset; returns how many were not withdrawn before.

    Contributors withdraw what they brought, and need no reason. A maintainer takes down anybody's,
    and says why. It cannot be undone: a worker erases the bytes.
    """
    own = all(sample.contributor_id == by.pk for sample in samples)
    why = _reason(dataset, by, why, own=own)
    to = Sample.Status.WITHDRAWN
    with transaction.atomic():
        # As a freeze does: what is withdrawn is either wholly in its snapshot or not at all.
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        # As they are now: one that somebody decided about meanwhile goes, too.
        keys = [sample.pk for sample in samples]
        todo = Sample.objects.filter(pk__in=keys).exclude(status=to)
        todo = todo.order_by("pk").select_for_update(of=("self",))
        gone = change_samples(todo, to=to, by=by, why=why, withdrawn_at=Now(), disputed=False)
        _count_in_versions(dataset, [sample.pk for sample in gone])
        if gone:
            ring(ERASE)
    return len(gone)


def withdraw_contribution(contribution: Contribution, by: Any, why: str = "") -> int:
    """Withdraw everything of a contribution, whatever its status; returns how many samples.

    It is discarded with that: it takes no more files, and those that wait are not read. In
    portions: what is done stays done, and asking again goes on.
    """
    why = _reason(contribution.dataset, by, why, own=contribution.member_id == by.pk)
    _close(contribution, by, why)
    left = contribution.samples.exclude(status=Sample.Status.WITHDRAWN).order_by("pk")
    total = 0
    while portion := list(left[:PORTION]):
        total += withdraw_samples(contribution.dataset, by, portion, why)
    return total


def _reason(dataset: Dataset, by: Any, why: str, *, own: bool) -> str:
    """The reason as it is kept; a refusal to whoever may not, or has to give one and does not."""
    why = why.strip()[:500]
    if not own:
        require(by, dataset, Role.MAINTAINER)
        if not why:
            text = _("Say why it is taken down: its contributor will read it.")
            raise invalid("reason_required", text, field="why")
    return why


def _close(contribution: Contribution, by: Any, why: str) -> None:
    """Nothing of it becomes a sample after this.

    Ingest refuses files of a discarded contribution. What a worker has read already it writes under
    the dataset's lock while its claims hold, so these are taken away under the same lock.
    """
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=contribution.dataset_id)
        now = Contribution.objects.select_for_update()
        contribution.refresh_from_db(fields=["status"], from_queryset=now)
        if contribution.status != Contribution.Status.DISCARDED:
            move(contribution, Contribution.Status.DISCARDED, by=by, why=why)
        contribution.manifest_rows.all().delete()
        contribution.receipts.waiting().update(claimed_by="", claimed_until=None)


def _count_in_versions(dataset: Dataset, keys: list[int]) -> None:
    """Versions never change, but each says how many of its samples are gone."""
    for start in range(0, len(keys), PORTION):
        of_these = VersionSpan.objects.filter(sample__in=keys[start : start + PORTION])
        for first, last in of_these.values_list("first", "last"):
            within = Q(number__gte=first) & (Q(number__lte=last) if last else Q())
            Version.objects.filter(within, dataset=dataset).update(withdrawn=F("withdrawn") + 1)
