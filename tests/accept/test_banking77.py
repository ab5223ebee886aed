"""13,083 real questions to a bank: a text dataset with a version, verified by the guide's recipe."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from apps.datasets import actions, blobs
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Licence, Membership, Receipt, Role, Sample
from apps.datasets.tests.test_tallies import check
from tests.accept.recipe import recipe_digest

pytestmark = pytest.mark.django_db

TEXTS = 13_083
CLASSES = 77
AT_ONCE = 1000


def test_banking77_becomes_a_version(
    cast: Any, data: Path, tmp_path: Path, browser_of: Any
) -> None:
    archive = data / "banking77.tar.zst"
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path], check=True)
    dataset = actions.create_dataset(
        cast.ada, title="Bank", slug="bank", task="text_classification", licence=Licence.CC_BY
    )
    Membership.objects.create(dataset=dataset, member=cast.chen, role=Role.REVIEWER)
    batch = actions.open_contribution(dataset, cast.ada, licence=Licence.CC_BY, agreed=True)
    for name in ("train.csv", "test.csv"):
        with (tmp_path / "banking77" / name).open("rb") as stream:
            actions.receive_file(batch, cast.ada, name=name, chunks=stream)
    actions.finish_contribution(batch, cast.ada)
    drain_ingest()

    receipts = Receipt.objects.exclude(parent=None)
    outcomes = Counter(receipts.values_list("outcome", flat=True))
    assert sum(outcomes.values()) == TEXTS, "a receipt for each"
    assert set(outcomes) <= {"accepted", "fixed", "duplicate"}, outcomes
    kept = Sample.objects.count()
    assert kept == outcomes["accepted"] + outcomes["fixed"] > TEXTS * 0.99
    assert len(actions.add_claimed_classes(dataset, cast.ada)) == CLASSES

    chen = browser_of(cast.chen)
    waiting = list(Sample.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, kept, AT_ONCE):
        decisions = [{"sample": pk, "decision": "accept"} for pk in waiting[start:][:AT_ONCE]]
        answer = chen.post(
            "/api/datasets/bank/reviews/",
            {"decisions": decisions},
            content_type="application/json",
        )
        assert not answer.json()["refused"]
    check()

    version = actions.freeze_version(dataset, cast.ada)
    build_versions()
    version.refresh_from_db()
    assert (version.size, version.failure) == (kept, "")
    assert all(check["passed"] for check in version.checks)
    per_split = Counter()
    for counts in version.counts.values():
        per_split.update(counts)
    assert set(per_split) == {"train", "test"}, "as the files declare"
    actions.approve_version(version, cast.ada)
    manifest = tmp_path / "manifest.parquet"
    manifest.write_bytes(blobs.read(version.manifest_sha256))
    assert recipe_digest(manifest) == version.digest
