"""Making a version into Parquet shards, in a worker, once, on demand. Repeatable after a crash."""

import logging
import socket
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import timedelta
from hashlib import file_digest
from io import BufferedRandom
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.datasets import blobs
from apps.datasets.actions.exports import erase_files, stale_exports
from apps.datasets.actions.naming import one_at_a_time
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
        drop_stale()
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
    export.refresh_from_db(fields=["files"])
    return export


def _build(export: Export) -> None:
    try:
        _forget_files(export)
        files = _make(export)
        move(export, Export.Status.READY, guard={"claimed_by": export.claimed_by}, files=files)
    except RuleError:
        log.warning("export %s was taken over by another worker", export.pk)
        _erase_left(export)
    except Exception as error:
        log.exception("export %s failed", export.pk)
        _fail(export, f"{type(error).__name__}: {error}"[:300])


def _forget_files(export: Export) -> None:
    """What an earlier worker left is erased. It may hold what was withdrawn since."""
    with transaction.atomic():
        one_at_a_time(export.version.dataset)
        left, export.files = export.files, []
        _note(export, files=[])
        erase_files(left)


def _erase_left(export: Export) -> None:
    """A shard that was stored after another worker had taken over."""
    with transaction.atomic():
        one_at_a_time(export.version.dataset)
        erase_files(export.files)


def _fail(export: Export, why: str) -> None:
    with transaction.atomic():
        one_at_a_time(export.version.dataset)
        left = export.files
        guard = {"claimed_by": export.claimed_by}
        move(export, Export.Status.FAILED, why=why, guard=guard, failure=why, files=[])
        erase_files(left)


def _make(export: Export) -> list[dict[str, Any]]:
    """Store every shard; a split's are named once all of them are there."""
    version, done = export.version, 0
    about = {"withdrawn": version.withdrawn, "sealed": is_sealed(version)}
    files: list[dict[str, Any]] = []
    for split in Split.values:
        made: list[dict[str, Any]] = []
        # Closed also when a shard fails: it holds a cursor of the database.
        with closing(_examples(version, split)) as examples:
            for portion in portions(examples, SHARD_BYTES):
                with tempfile.TemporaryFile() as out:
                    done = _write(export, out, portion, done)
                    made.append(_store(export, out))
        for number, shard in enumerate(made):
            name = f"data/{split}-{number:05d}-of-{len(made):05d}.parquet"
            files.append({"name": name} | shard | about)
    return files


def _store(export: Export, out: BufferedRandom) -> dict[str, Any]:
    """The row names a shard before the store has it: whatever happens then, it can be erased."""
    size = out.seek(0, 2)
    out.seek(0)
    shard: dict[str, Any] = {"sha256": file_digest(out, "sha256").hexdigest(), "size": size}
    with transaction.atomic():
        one_at_a_time(export.version.dataset)
        export.files.append(shard)
        _note(export, files=export.files)
    blobs.put_file(out)
    return shard


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
    _note(export, done=done, claimed_until=Now() + timedelta(seconds=CLAIM_SECONDS))


def _note(export: Export, **fields: Any) -> None:
    """Write these fields, as long as it is still this worker's. Raises RuleError otherwise."""
    ours = Export.objects.filter(pk=export.pk, claimed_by=export.claimed_by)
    if not ours.update(**fields):
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
    """Forget exports that do not say what their version says now, and erase their files."""
    return sum(map(_drop, stale_exports()))


def _drop(export: Export) -> bool:
    with transaction.atomic():
        one_at_a_time(export.version.dataset)
        # Not one that was asked for again meanwhile.
        as_read = {"status": export.status, "claimed_by": export.claimed_by}
        dropped, _each = Export.objects.filter(pk=export.pk, **as_read).delete()
        if dropped:
            erase_files(export.files)
    return bool(dropped)
