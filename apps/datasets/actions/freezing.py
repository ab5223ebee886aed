"""A version's life as people decide it: freeze, approve, discard, retire."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import tallies
from apps.datasets.actions.classing import require_settled
from apps.datasets.actions.naming import one_at_a_time
from apps.datasets.models import Dataset, Role, Sample, Version, VersionSpan
from apps.datasets.permissions import another_maintainer, require
from apps.errors import RuleError, forbidden
from apps.state.actions import move
from apps.state.doorbell import ring

FREEZE = "apps.datasets.tasks.freeze"


def freeze_version(dataset: Dataset, by: Any, notes: str = "") -> Version:
    """Begin a new version of all approved samples; a worker builds it."""
    require(by, dataset, Role.MAINTAINER)
    number = (dataset.versions.aggregate(top=Max("number"))["top"] or 0) + 1
    try:
        with transaction.atomic():
            # A change of the classes does not begin at the same moment.
            one_at_a_time(dataset)
            _require_freezable(dataset)
            version = Version.objects.create(
                dataset=dataset,
                number=number,
                created_by=by,
                notes=notes.strip(),
                sealed=dataset.seals_test,
            )
    except IntegrityError:  # somebody else pressed the button at the same moment
        raise _building(number) from None
    ring(FREEZE)
    return version


def _require_freezable(dataset: Dataset) -> None:
    require_settled(dataset)
    if not freezable(dataset).exists():
        text = _("No sample with a class is approved yet. Review some first.")
        raise RuleError("nothing_to_freeze", text)
    require_no_build(dataset)
    latest = dataset.versions.order_by("-number").first()
    kept = {Version.Status.DRAFT, Version.Status.APPROVED}
    if latest and latest.status in kept and not changed_since_last_freeze(dataset):
        raise RuleError(
            "nothing_changed",
            _("Nothing has changed since version %(number)s: review more samples first.")
            % {"number": latest.number},
        )


def require_no_build(dataset: Dataset) -> None:
    building = dataset.versions.filter(status=Version.Status.BUILDING)
    if number := building.values_list("number", flat=True).first():
        raise _building(number)


def _building(number: int) -> RuleError:
    text = _("Version %(number)s is being frozen right now. Wait until it is done.")
    return RuleError("already_building", text % {"number": number})


def freezable(dataset: Dataset) -> QuerySet[Sample]:
    """What a freeze would take: approved samples with a class."""
    found: QuerySet[Sample] = Sample.objects.filter(
        dataset=dataset, status=Sample.Status.APPROVED, label__isnull=False
    )
    return found


def changed_since_last_freeze(dataset: Dataset) -> bool:
    """Would a new version differ from the newest? Names and numbers, which are kept; where these are
    the same two existence tests, which have to read everything to find nothing."""
    newest = _newest(dataset)
    if newest and (_renamed_since(newest) or _approved(dataset) != newest.size):
        return True
    open_spans = VersionSpan.objects.filter(dataset=dataset, last=None)
    same = open_spans.filter(sample=OuterRef("pk"), label=OuterRef("label"))
    if freezable(dataset).exclude(Exists(same)).exists():
        return True
    gone = open_spans.exclude(sample__status=Sample.Status.APPROVED, sample__label=F("label"))
    return gone.exists()


def _newest(dataset: Dataset) -> Version | None:
    kept = [Version.Status.DRAFT, Version.Status.APPROVED]
    found: Version | None = dataset.versions.filter(status__in=kept).order_by("-number").first()
    return found


def _renamed_since(newest: Version) -> bool:
    names = dict(newest.dataset.classes.current().values_list("pk", "name"))
    return any(names.get(each["id"], each["name"]) != each["name"] for each in newest.classes)


def _approved(dataset: Dataset) -> int:
    """Approved samples that have a class."""
    counts = tallies.by_class(dataset)
    return sum(each["approved"] for label, each in counts.items() if label)


def approve_version(version: Version, by: Any) -> None:
    """Release a draft for training: its checks passed, and a second maintainer where there is one."""
    require(by, version.dataset, Role.MAINTAINER)
    failed = [check["check"] for check in version.checks if not check["passed"]]
    if version.status == Version.Status.DRAFT and failed:
        raise RuleError(
            "checks_failed",
            _("A release check failed: %(checks)s. Mend the data and freeze again.")
            % {"checks": ", ".join(failed)},
            checks=failed,
        )
    if version.created_by_id == by.pk and another_maintainer(version.dataset, by):
        text = _("Whoever froze a version does not approve it alone: ask another maintainer.")
        raise forbidden("second_maintainer", text)
    # What was withdrawn since the checks ran counts against it, too.
    guard = {"withdrawn": 0}
    if version.status == Version.Status.DRAFT and version.withdrawn:
        raise RuleError(
            "version_has_withdrawn",
            _("%(count)s of its samples were withdrawn since. Set it aside and freeze again.")
            % {"count": version.withdrawn},
            withdrawn=version.withdrawn,
        )
    move(version, Version.Status.APPROVED, by=by, guard=guard, approved_by=by, approved_at=Now())
    version.refresh_from_db(fields=["approved_at"])


def discard_version(version: Version, by: Any) -> None:
    """Set a draft aside. It stays readable under its number; nothing can train on it."""
    require(by, version.dataset, Role.MAINTAINER)
    move(version, Version.Status.DISCARDED, by=by)


def retire_version(version: Version, by: Any, why: str = "") -> None:
    """No new jobs on this version; what was trained on it stays."""
    require(by, version.dataset, Role.MAINTAINER)
    move(version, Version.Status.RETIRED, by=by, why=why)
