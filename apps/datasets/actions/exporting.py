"""Making a version into Parquet shards, in a worker, once, on demand. Repeatable after a crash."""

import logging
import socket
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.datasets import blobs
from apps.datasets.actions.exports import stale
from apps.datasets.ingest.image import EXTENSIONS
from apps.datasets.models import Export, Sample, Split, TaskKind, Version, VersionSpan
from apps.datasets.parquet import SEALED, Example, ShardWriter, portions
from apps.datasets.seals import is_sealed
from apps.errors import RuleError
from apps.state.actions import move

log = logging.getLogger(__name__)

CLAIM_SECONDS = 300
SHARD_BYTES = 400 * 10**6
GROUP_BYTES = 16 * 10**6
TELL_EVERY = 200


def build_exports() -> int:
    """Build every export that waits for it; returns how many were looked after here."""
    drop_stale()
    built = 0
    while export := claim_export():
        _build(export)
        built += 1
    return built


def claim_export() -> Export | None:
    free = Q(status=Export.Status.BUILDING) & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    export = Export.objects.filter(free).select_related("version__dataset").order_by("pk").first()
    if export is None:
        return None
    claim = f"{socket.gethostname()[:40]}:{uuid.uuid4().hex[:12]}"
    until = Now() + timedelta(seconds=CLAIM_SECONDS)
    if not Export.objects.filter(free, pk=export.pk).update(claimed_by=claim, claimed_until=until):
        return claim_export()
    export.claimed_by = claim
    return export


def _build(export: Export) -> None:
    guard = {"claimed_by": export.claimed_by}
    withdrawn = export.version.withdrawn
    try:
        files = list(_shards(export))
        for each in files:
            each["withdrawn"] = withdrawn
        move(export, Export.Status.READY, guard=guard, files=files)
    except RuleError:
        log.warning("export %s was taken over by another worker", export.pk)
    except Exception as error:
        log.exception("export %s failed", export.pk)
        why = f"{type(error).__name__}: {error}"[:300]
        move(export, Export.Status.FAILED, why=why, guard=guard, failure=why)


def _shards(export: Export) -> Iterator[dict[str, Any]]:
    """{"name", "sha256", "size"} of each shard; a split's are named once all of them are there."""
    done = 0
    for split in Split.values:
        made: list[tuple[str, int]] = []
        # Closed also when a shard fails: it holds a cursor of the database.
        with closing(_examples(export.version, split)) as examples:
            for portion in portions(examples, SHARD_BYTES):
                with tempfile.TemporaryFile() as out:
                    done = _write(export, out, portion, done)
                    size = out.seek(0, 2)
                    made.append((blobs.put_file(out), size))
        for number, (sha256, size) in enumerate(made):
            name = f"data/{split}-{number:05d}-of-{len(made):05d}.parquet"
            yield {"name": name, "sha256": sha256, "size": size}


def _write(export: Export, out: Any, portion: Iterator[Example], done: int) -> int:
    version = export.version
    text = version.dataset.task == TaskKind.TEXT_CLASSIFICATION
    with ShardWriter(out, version.class_names, text, GROUP_BYTES) as writer:
        for example in portion:
            writer.add(example)
            done += 1
            if done % TELL_EVERY == 0:
                _progress(export, done)
    _progress(export, done)
    return done


def _progress(export: Export, done: int) -> None:
    ours = Export.objects.filter(pk=export.pk, claimed_by=export.claimed_by)
    until = Now() + timedelta(seconds=CLAIM_SECONDS)
    if not ours.update(done=done, claimed_until=until):
        raise RuleError("claim_lost", "another worker makes this export now")


def _examples(version: Version, split: str) -> Generator[Example, None, None]:
    """What is still there of a split, sorted by hash; a sealed test label is -1."""
    position = {item["id"]: number for number, item in enumerate(version.classes)}
    hidden = split == Split.TEST and is_sealed(version)
    spans = (
        VersionSpan.objects.of(version)
        .filter(split=split)
        .exclude(sample__status=Sample.Status.WITHDRAWN)
    )
    columns = ("sample__blob_sha256", "sample__media_type", "label_id")
    rows = spans.order_by("sample__blob_sha256").values_list(*columns)
    for sha256, media_type, label in rows.iterator(1000):
        path = f"{sha256}.{EXTENSIONS[media_type]}"
        yield Example(blobs.read(sha256), path, SEALED if hidden else position[label])


def drop_stale() -> int:
    """Forget exports that hold what was withdrawn since, and erase their files."""
    found = [each for each in _ready().filter(version__withdrawn__gt=0) if stale(each)]
    for export in found:
        Export.objects.filter(pk=export.pk).delete()
        for each in export.files:
            blobs.erase(each["sha256"])
    return len(found)


def _ready() -> QuerySet[Export]:
    return Export.objects.filter(status=Export.Status.READY).select_related("version")
