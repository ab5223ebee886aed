"""248 unusual or broken files: each gets a receipt; what is accepted decodes and carries nothing."""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from apps.datasets import actions, blobs
from apps.datasets.ingest.image import HARMLESS_INFO
from apps.datasets.models import Receipt
from apps.jobs.tests.processes import wait_for

MOST_MIB = 500


@pytest.fixture
def odd_files(data: Path, tmp_path: Path) -> dict[str, bytes]:
    subprocess.run(
        ["tar", "--zstd", "-xf", str(data / "odd-images-a.tar.zst"), "-C", str(tmp_path)],
        check=True,
    )
    root = tmp_path / "odd-images-a" / "files"
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_every_odd_file_gets_its_receipt(contribute: Any, odd_files: dict[str, bytes]) -> None:
    assert len(odd_files) == 248
    contribution = contribute(odd_files)
    assert contribution.status == "ready"
    receipts = Receipt.objects.filter(contribution=contribution)
    assert set(receipts.values_list("name", flat=True)) == set(odd_files)
    assert not receipts.filter(outcome="waiting").exists()
    assert not receipts.filter(code="crashed_ingest").exists()
    taken = list(contribution.samples.all())
    assert len(taken) > 20
    for sample in taken:
        stored = blobs.read(sample.blob_sha256)
        image = Image.open(io.BytesIO(stored))
        image.load()
        assert image.size == (sample.width, sample.height)
        assert set(image.info) <= HARMLESS_INFO, (sample.pk, set(image.info))


@pytest.mark.django_db(transaction=True)
def test_no_odd_file_makes_the_worker_grow(
    dataset: Any, cast: Any, workers: Any, odd_files: dict[str, bytes]
) -> None:
    """The same through a real ingest worker, whose memory at its highest the kernel tells."""
    worker = workers[0]
    batch = actions.open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
    for name, data in odd_files.items():
        actions.receive_file(batch, cast.ben, name=name, chunks=[data])
    actions.finish_contribution(batch, cast.ben)

    def ready() -> bool:
        batch.refresh_from_db()
        return batch.status == "ready"

    wait_for(ready, 300, worker.output)
    assert batch.receipts.exclude(outcome="waiting").count() == len(odd_files)
    assert not batch.receipts.filter(code="crashed_ingest").exists()
    peaks = [highest_mib(pid) for pid in worker.tree()]
    assert max(peaks) < MOST_MIB, peaks


def highest_mib(pid: int) -> float:
    """The most resident memory a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
