"""Building a version in a worker: snapshot, manifest, digest, checks. Repeatable after a crash."""

import logging
import socket
import tempfile
import uuid
from collections import Counter
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Now

from apps.datasets import blobs
from apps.datasets.actions.freezing import freezable
from apps.datasets.actions.splitting import give_splits
from apps.datasets.diffs import changes_of
from apps.datasets.digest import Digest
from apps.datasets.lineage import lineage_of
from apps.datasets.manifest import ManifestWriter
from apps.datasets.models import Annotation, Dataset, Sample, Version, VersionSpan
from apps.datasets.portions import insert_from, portions
from apps.datasets.release import release_checks
from apps.datasets.spans import CHUNK, digested, labelled_rows
from apps.errors import RuleError
from apps.state.actions import move

log = logging.getLogger(__name__)

CLAIM_SECONDS = 300


class Built(NamedTuple):
    """What streaming a version's rows yields."""

    digest: str
    manifest_sha256: str
    size: int
    counts: Counter[tuple[str, str]]


def build_versions() -> int:
    """Build every version that waits for it; returns how many were finished here."""
    built = 0
    while version := claim_version():
        build_version(version)
        built += 1
    return built


def claim_version() -> Version | None:
    """Lease one version that is being built by nobody (any more)."""
    free = Q(status=Version.Status.BUILDING) & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    version = Version.objects.filter(free).select_related("dataset").order_by("pk").first()
    if version is None:
        return None
    claim = f"{socket.gethostname()[:40]}:{uuid.uuid4().hex[:12]}"
    if not Version.objects.filter(free, pk=version.pk).update(
        claimed_by=claim, claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS)
    ):
        return claim_version()
    version.claimed_by = claim
    return version


def build_version(version: Version) -> None:
    """building → draft, or → failed with the reason; either way nothing half-built stays."""
    try:
        snapshot(version)
        built = write_manifest(version)
        fields = _facts(version, built)
        move(version, Version.Status.DRAFT, guard={"claimed_by": version.claimed_by}, **fields)
    except RuleError:
        log.warning("version %s was taken over by another worker", version)
    except Exception as error:
        log.exception("building %s failed", version)
        _fail(version, f"{type(error).__name__}: {error}"[:300])


def _fail(version: Version, why: str) -> None:
    with transaction.atomic():
        undo_snapshot(version)
        guard = {"claimed_by": version.claimed_by}
        move(version, Version.Status.FAILED, why=why, guard=guard, failure=why)


def snapshot(version: Version) -> None:
    """Write down who is in the version: splits for newcomers, spans closed and opened.

    One transaction, so approvals that arrive meanwhile are wholly in the next version.
    """
    dataset = version.dataset
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        undo_snapshot(version)
        # The names as they are now: a class renamed from here on keeps this one in this version.
        version.classes = [
            {"id": label.pk, "name": label.name, "colour": label.colour}
            for label in dataset.classes.current()
        ]
        Version.objects.filter(pk=version.pk).update(withdrawn=0, classes=version.classes)
        give_splits(dataset)
        _close_spans(version)
        _open_spans(version)


def _close_spans(version: Version) -> None:
    """Of samples that are not approved any more, or are of another class now."""
    held = VersionSpan.objects.filter(dataset=version.dataset, last=None)
    same = Q(sample__status=Sample.Status.APPROVED, sample__label=F("label"))
    held.exclude(same).update(last=version.number - 1)


def _open_spans(version: Version) -> None:
    """For approved samples that have none open. One that was approved only just now has no split yet:
    it comes into the next version."""
    held = VersionSpan.objects.filter(last=None, sample=OuterRef("pk"))
    newcomers = freezable(version.dataset).exclude(split="").exclude(Exists(held))
    for keys in portions(newcomers):
        insert_from(
            VersionSpan,
            newcomers.filter(pk__in=keys),
            dataset=Value(version.dataset_id),
            sample=F("pk"),
            label=F("label"),
            split=F("split"),
            first=Value(version.number),
        )


def undo_snapshot(version: Version) -> None:
    """As if the version had never been built: its spans removed, the ones it closed reopened."""
    spans = VersionSpan.objects.filter(dataset=version.dataset)
    spans.filter(first=version.number).delete()
    spans.filter(last=version.number - 1).update(last=None)


def write_manifest(version: Version) -> Built:
    """Stream the rows once: into the Parquet file, the digest and the counts."""
    digest, size, counts = Digest(), 0, Counter[tuple[str, str]]()
    about = {"dataset": version.dataset.slug, "version": str(version.number)}
    with tempfile.TemporaryFile() as out:
        with ManifestWriter(out, about) as writer:
            rows = labelled_rows(version)
            while chunk := list(islice(rows, CHUNK)):
                for label, row in chunk:
                    digest.add(digested(row))
                    counts[label, row[2]] += 1
                writer.write([row for _label, row in chunk])
                size += len(chunk)
                _progress(version, size)
        manifest = blobs.put_file(out)
    return Built(digest.hexdigest(), manifest, size, counts)


def _progress(version: Version, done: int) -> None:
    """How far it is; renews the lease on the way. Raises RuleError when another worker has it."""
    ours = Version.objects.filter(pk=version.pk, claimed_by=version.claimed_by)
    until = Now() + timedelta(seconds=CLAIM_SECONDS)
    if not ours.update(done=done, claimed_until=until):
        raise RuleError("claim_lost", "another worker builds this version now")


def _facts(version: Version, built: Built) -> dict[str, Any]:
    present = {name for name, _split in built.counts}
    counts: dict[str, dict[str, int]] = {}
    for (label, split), number in sorted(built.counts.items()):
        counts.setdefault(label, {})[split] = number
    version.classes = [item for item in version.classes if item["name"] in present]
    return {
        "classes": version.classes,
        "counts": counts,
        "credits": credits_of(version),
        "changes": changes_of(version),
        "size": built.size,
        "done": built.size,
        "digest": built.digest,
        "manifest_sha256": built.manifest_sha256,
        "checks": release_checks(version, counts),
    }


def credits_of(version: Version) -> list[dict[str, Any]]:
    """Who brought how much, and how much of it ended in another class than they said."""
    said = Annotation.objects.filter(
        sample=OuterRef("sample"),
        by=OuterRef("sample__contributor"),
        role=Annotation.As.UPLOADER,
        label__isnull=False,
    )
    # Nobody is corrected by a change of the classes.
    lineage = lineage_of(version.dataset_id)
    said = said.exclude(lineage.outdated()).annotate(today=lineage.today())
    spans = VersionSpan.objects.of(version).annotate(
        claimed=Subquery(said.order_by("-pk").values("today")[:1])
    )
    changed = Q(claimed__isnull=False) & ~Q(claimed=F("label"))
    rows = (
        spans.order_by()
        .values_list("sample__contributor__username")
        .annotate(samples=Count("pk"), corrected=Count("pk", filter=changed))
    )
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return [{"member": name, "samples": n, "corrected": fixed} for name, n, fixed in ordered]
