"""What the two desks are asked for: which batches the page holds already, how much, of what."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.datasets.models import Dataset, Hold, Sample, Scale
from apps.datasets.review_groups import NO_CLASS
from apps.datasets.seals import closed, hides
from apps.datasets.searching import number
from apps.errors import RuleError, invalid

SIZES = (24, 60, 120)
# Queues beside the ordinary one, by the hold of their samples.
QUEUES = (Hold.APPEAL, Hold.EXPERT)


@dataclass(frozen=True)
class Asked:
    """What a reviewer wants to see, as the address says it."""

    queue: str  # "" is the ordinary one
    label: str  # the id of a class, NO_CLASS or ""
    filters: dict[str, str]
    size: int


def asked(request: HttpRequest, dataset: Dataset) -> Asked:
    queue, label = request.GET.get("queue", ""), request.GET.get("label", "")
    if key := request.GET.get("sample", ""):
        queue, label = _where(dataset, number(key))
    if queue and queue not in QUEUES:
        raise _no_such("queue")
    return Asked(queue, label, _filters(request), _size(request))


def _where(dataset: Dataset, key: int) -> tuple[str, str]:
    """The queue and the class in which a sample waits: to go back to what was undone.

    One that waits no more leads to the ordinary queue, a sealed one to where it is shown: without
    its class.
    """
    sample = Sample.objects.filter(dataset=dataset, pk=key).first()
    if sample is None:
        raise _no_such("sample")
    if sample.status != Sample.Status.PENDING:
        return "", ""
    if sample.hold in QUEUES:
        return sample.hold, ""
    shown = None if hides(sample, closed(dataset)) else sample.label_id
    return "", str(shown or NO_CLASS)


def _filters(request: HttpRequest) -> dict[str, str]:
    wanted = {name: request.GET.get(name, "") for name in ("source", "contributor", "scale")}
    if wanted["scale"] and wanted["scale"] not in map(str, Scale.values):
        raise _no_such("scale")
    return {name: value for name, value in wanted.items() if value}


def _size(request: HttpRequest) -> int:
    sent = request.GET.get("size") or request.COOKIES.get("batch", "")
    return int(sent) if sent in map(str, SIZES) else SIZES[1]


def held(request: HttpRequest) -> list[UUID]:
    """The batches that a page has on its screen while it asks for the one after them."""
    return [lease_of(each) for each in request.POST.getlist("held")]


def may_go_ahead(waiting: int, besides: Collection[UUID], size: int) -> bool:
    """May a page have another batch beside the one on its screen? Not the last of a queue.

    waiting: how much waits in all, what the page holds included. Somebody else who comes now must find
    something, too; at the end of its batch the page asks for whatever is left.
    """
    if not besides:
        return True
    return waiting - Sample.objects.filter(lease__in=besides).count() > size


def lease_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise invalid("invalid_filter", _("There is no such batch."), field="lease") from None


def _no_such(name: str) -> RuleError:
    return invalid("invalid_filter", _("There is no such filter."), field=name)
