"""248 unusual or broken files: each gets a receipt; what is accepted decodes and carries nothing."""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from apps.datasets import blobs
from apps.datasets.ingest.image import HARMLESS_INFO
from apps.datasets.models import Receipt


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
