"""The data half of the chain in one go."""

from io import StringIO
from typing import Any

from django.core.management import call_command

from apps.datasets import actions
from apps.datasets.models import Sample, VersionSpan
from apps.datasets.tests.cast import make_image


def test_from_files_to_an_approved_version(
    contribute: Any, approve: Any, freeze: Any, cast: Any
) -> None:
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(40)}
    contribution = contribute(files)
    assert contribution.status == "ready"
    approve(list(contribution.samples.all()))
    version = freeze(notes="first")
    assert version.status == "draft", version.failure
    assert version.size == 40
    assert version.class_names == ["cat", "dog"]
    assert {sum(per_split.values()) for per_split in version.counts.values()} == {20}
    actions.approve_version(version, cast.ada)
    assert version.status == "approved"
    assert VersionSpan.objects.count() == 40
    assert set(Sample.objects.values_list("split", flat=True)) == {"train", "validation", "test"}
    out = StringIO()
    call_command("verify_version", "pets@1", stdout=out)
    assert out.getvalue().startswith(f"OK pets@1 {version.digest}")
