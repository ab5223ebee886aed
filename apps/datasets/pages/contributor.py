"""One member in one dataset: what they brought, how it fared, how it is credited."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.datasets import seals
from apps.datasets.contributors import (
    Brought,
    batches_of,
    brought_by,
    counts_of,
    credited_versions,
    credits_in,
    may_see_inside,
    people_shown,
    rejected_samples,
)
from apps.datasets.models import Dataset, Review
from apps.datasets.pages.card import address_of
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.proportions import Share
from apps.datasets.records import ENOUGH, Record, record_of, work_of

SHOWN = 20
WIDTH = 240  # of the picture of an interval, in its own units


@require_safe
def contributor(request: HttpRequest, slug: str, username: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    member = get_object_or_404(people_shown(dataset, request.user), username=username)
    inside = may_see_inside(request.user, dataset, member)
    brought, record = brought_by(dataset, member), record_of(dataset, member)
    work = work_of(dataset, member) if inside else None
    context = frame(request, dataset, "people") | {
        "member": member,
        "own": member.pk == request.user.pk,
        "inside": inside,
        "rows": bars(brought, record),
        "total": brought.total,
        "agreement": record.agreement,
        "by_class": by_class(dataset, record) if inside else [],
        "enough": ENOUGH,
        "reasons": reasons(record) if inside else [],
        "work": work,
        "counted_at": min(record.at, work.at) if work else record.at,
        "width": WIDTH,
        "batches": _batches(request, dataset, member),
        "credits": _credits(request, dataset, member),
        "rejected": _rejected(request, dataset, member) if inside else None,
    }
    return render(request, "datasets/contributor.html", context)


def bars(brought: Brought, record: Record) -> list[dict[str, Any]]:
    """What became of it, as a table with bars of the whole."""
    corrected = record.agreement.tried - record.agreement.right
    rows = [
        ("approved", _("accepted"), brought.approved),
        ("fixed", _("of these with another class than was said"), corrected),
        ("pending", _("waiting for review"), brought.pending),
        ("held", _("of these held back for a closer look"), brought.held),
        ("rejected", _("rejected"), brought.rejected),
        ("withdrawn", _("withdrawn"), brought.withdrawn),
    ]
    total = brought.total or 1
    return [
        {"kind": kind, "name": name, "count": count, "percent": round(100 * count / total, 2)}
        for kind, name, count in rows
    ]


def by_class(dataset: Dataset, record: Record) -> list[dict[str, Any]]:
    """Where enough of a class was settled: how much of it stood, with its interval as a picture."""
    shares = record.enough
    return [
        {"label": label, "share": shares[label.pk]} | drawn(shares[label.pk])
        for label in dataset.classes.current()
        if label.pk in shares
    ]


def drawn(share: Share) -> dict[str, Any]:
    """Where the interval and the share stand on a line from 0 to 100 %, and both in words."""
    low, high = share.interval
    scale = WIDTH / 100
    return {
        "low": low,
        "high": high,
        "left": round(low * scale, 2),
        "span": round((high - low) * scale, 2),
        "dot": round(share.percent * scale - 1, 2),
    }


def reasons(record: Record) -> list[tuple[str, int]]:
    """The reasons of what stands rejected, the most frequent first."""
    names = dict(Review.Reason.choices)
    ordered = sorted(record.reasons.items(), key=lambda each: (-each[1], each[0]))
    return [(str(names.get(reason, _("by a vote without a reason"))), n) for reason, n in ordered]


def page(request: HttpRequest, name: str, found: QuerySet[Any], key: str = "pk") -> dict[str, Any]:
    """One page of a list that runs newest first; `name` is its parameter and its anchor."""
    return paged(request, found, SHOWN, key=key, name=name, anchor=f"#{name}")


def _batches(request: HttpRequest, dataset: Dataset, member: Any) -> dict[str, Any]:
    found = page(request, "batches", batches_of(dataset, member))
    counts = counts_of(found["rows"])
    return found | {"rows": [(each, counts[each.pk]) for each in found["rows"]]}


def _credits(request: HttpRequest, dataset: Dataset, member: Any) -> dict[str, Any]:
    found = page(request, "versions", credited_versions(dataset), "number")
    rows = [
        {"credit": each, "line": each.line(member.username, address_of(request, each.version))}
        for each in credits_in(found["rows"], member.username)
    ]
    return found | {"rows": rows}


def _rejected(request: HttpRequest, dataset: Dataset, member: Any) -> dict[str, Any]:
    samples = rejected_samples(dataset, member).select_related("label", "dataset", "contributor")
    found = page(request, "rejected", samples)
    closed = seals.closed(dataset)
    names = dict(Review.Reason.choices)
    rows = []
    seals.mask(found["rows"], dataset, _("sealed"))
    for sample in found["rows"]:
        # A note is free text: it may name the class.
        note = "" if seals.hides(sample, closed) else sample.note
        rows.append({"sample": sample, "reason": names.get(sample.why, ""), "note": note})
    return found | {"rows": rows}
