"""A contribution's manifest: checked without a trace, used, added to, removed."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.datasets import seals
from apps.datasets.actions.contributing import require_receiving
from apps.datasets.actions.manifest_report import Report, report_of
from apps.datasets.actions.matching import stored_rows
from apps.datasets.actions.redescribing import foresee, redescribe
from apps.datasets.ingest.manifest import Problem, Read, Row, read_manifest
from apps.datasets.manifest_problems import sentence
from apps.datasets.models import Contribution, ManifestRow
from apps.errors import RuleError, invalid

BATCH = 2000


def read_bounded(chunks: Iterable[bytes]) -> bytes:
    """The bytes of a manifest as they come, and no more than it may have."""
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > settings.MAX_MANIFEST_BYTES:
            raise _too_large()
        parts.append(chunk)
    return b"".join(parts)


def check_manifest(contribution: Contribution, by: Any, data: bytes) -> Report:
    """What it would do; nothing is changed."""
    _require_open(contribution, by)
    read = _read(data)
    report = report_of(contribution, read)
    if report.usable:
        report.before = foresee(contribution, {row.name: row for row in read.rows})
    return report


def set_manifest(contribution: Contribution, by: Any, data: bytes) -> Report:
    """Use it in place of the one in force; where its report has problems nothing is changed."""
    _require_open(contribution, by)
    read = _read(data)
    report = report_of(contribution, read)
    if report.usable:
        with transaction.atomic():
            _hold(contribution, by)
            _replace(contribution, read.rows)
        report.before = redescribe(contribution, {row.name: row for row in read.rows})
    return report


def add_to_manifest(
    contribution: Contribution, by: Any, data: bytes, *, folder: str = ""
) -> Report:
    """Use it beside the rows in force, as the manifest of one folder: it speaks of its files only.

    Where its report has problems nothing is changed.
    """
    _require_open(contribution, by)
    read = _read(data, folder)
    with transaction.atomic():
        _hold(contribution, by)
        report = report_of(contribution, read, _add(contribution, read))
    if report.usable:
        report.before = redescribe(contribution, {row.name: row for row in read.rows})
    return report


def not_used(report: Report) -> RuleError:
    """The refusal of a manifest, for programs: all its problems, the first in the sentence."""
    first = report.problems[0]
    text = ngettext(
        "The manifest was not used: line %(line)s. %(sentence)s",
        "The manifest was not used: it has %(count)s problems, the first in line %(line)s. "
        "%(sentence)s",
        report.problem_count,
    )
    facts = {"count": report.problem_count, "line": first.line, "sentence": sentence(first)}
    problems = [
        {"line": each.line, "code": each.code, "detail": sentence(each)} for each in report.problems
    ]
    count = report.problem_count
    return invalid("manifest_problems", text % facts, problems=problems, problem_count=count)


def take_manifest(contribution: Contribution, data: bytes, folder: str) -> Read:
    """Add the manifest of an archive, before its files are read. The worker's way.

    Nothing of it is used where there is any problem.
    """
    if len(data) > settings.MAX_MANIFEST_BYTES:
        facts = {"limit": filesizeformat(settings.MAX_MANIFEST_BYTES)}
        return Read(problems=[Problem(1, "manifest_too_large", facts)])
    read = _read(data, folder)
    with transaction.atomic():
        Contribution.objects.select_for_update(no_key=True).get(pk=contribution.pk)
        read.problems += _add(contribution, read)
    return read


def drop_manifest(contribution: Contribution, by: Any) -> int:
    """Files that come from now on have no row; what was read keeps its words. How many rows went."""
    _require_open(contribution, by)
    with transaction.atomic():
        _hold(contribution, by)
        gone, _kinds = contribution.manifest_rows.all().delete()
    return gone


def manifest_in_force(contribution: Contribution) -> Report:
    """The numbers of what is in force. Where labels are sealed, nothing about classes."""
    rows = list(stored_rows(contribution.manifest_rows.order_by("pk")))
    report = report_of(contribution, Read(rows=rows))
    if not report.rows:
        text = _("No manifest is in force. Send one, or let the folders name classes and splits.")
        raise RuleError("no_manifest", text, status=404)
    if seals.closed(contribution.dataset):
        report.classes = []
    return report


# ---- parts of the above


def _require_open(contribution: Contribution, by: Any) -> None:
    if contribution.dataset.holds_texts:
        text = _(
            "Texts need no manifest: their table has columns for label, group, source, licence and "
            "split itself."
        )
        raise RuleError("manifest_of_texts", text)
    require_receiving(contribution, by)


def _too_large() -> RuleError:
    limit = settings.MAX_MANIFEST_BYTES
    text = _("A manifest may have %(size)s. Bring the files in several contributions.")
    size = filesizeformat(limit)
    return RuleError("manifest_too_large", text % {"size": size}, status=413, limit=limit)


def _read(data: bytes, folder: str = "") -> Read:
    if len(data) > settings.MAX_MANIFEST_BYTES:
        raise _too_large()
    return read_manifest(data, most=settings.MAX_MANIFEST_ROWS, folder=folder)


def _hold(contribution: Contribution, by: Any) -> None:
    """One change of a manifest at a time. Receipts and samples may come in meanwhile."""
    held = Contribution.objects.select_for_update(no_key=True).get(pk=contribution.pk)
    require_receiving(held, by)


def _add(contribution: Contribution, read: Read) -> list[Problem]:
    """Store the rows that are not in force yet; or say what is against it, and store none."""
    if read.problems:
        return []
    force = {row.name: row.words for row in stored_rows(contribution.manifest_rows.all())}
    against = [
        Problem(row.line, "in_force", {"found": row.name[-60:]})
        for row in read.rows
        if force.get(row.name, row.words) != row.words
    ]
    fresh = [row for row in read.rows if row.name not in force]
    if len(force) + len(fresh) > settings.MAX_MANIFEST_ROWS:
        facts = {"limit": settings.MAX_MANIFEST_ROWS}
        against.append(Problem(read.rows[-1].line, "too_many_rows", facts))
    if not against:
        _store(contribution, fresh)
    return against


def _replace(contribution: Contribution, rows: Iterable[Row]) -> None:
    """Only the difference is written: mostly a manifest is sent again because of a few lines."""
    wanted = {row.name: row for row in rows}
    force = set(stored_rows(contribution.manifest_rows.all()))
    gone = [row.name for row in force if wanted.get(row.name) != row]
    for start in range(0, len(gone), BATCH):
        contribution.manifest_rows.filter(name__in=gone[start : start + BATCH]).delete()
    _store(contribution, [row for row in wanted.values() if row not in force])


def _store(contribution: Contribution, rows: Iterable[Row]) -> None:
    ManifestRow.objects.bulk_create(
        (ManifestRow(contribution=contribution, **row._asdict()) for row in rows), BATCH
    )
