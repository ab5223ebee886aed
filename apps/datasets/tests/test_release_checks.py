"""What each release check found, in words; a check that fails names what to mend."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from apps.datasets.models import Sample, VersionSpan
from apps.datasets.release import finding, release_checks
from apps.datasets.tests.cast import make_image


@pytest.fixture
def version(contribute: Any, approve: Any, freeze: Any) -> Any:
    """Twelve samples of two classes, two of which share a group."""
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(12)}
    found = list(contribute(files).samples.order_by("pk"))
    Sample.objects.filter(pk__in=[found[0].pk, found[2].pk]).update(group="litter")
    approve(found)
    return freeze()


def findings(version: Any) -> dict[str, str]:
    return {check["check"]: finding(check) for check in version.checks}


def test_a_good_version_says_what_was_looked_at(version: Any) -> None:
    said = findings(version)
    assert all(check["passed"] for check in version.checks)
    assert (
        said["no_split_leak"]
        == "11 groups were looked at. With several samples: 1; the largest has 2."
    )
    assert said["classes_in_splits"].startswith("2 classes; the fewest are 1 of “")
    assert said["nothing_withdrawn"] == "0 of 12 samples."
    assert said["licences_compatible"] == "Used are CC-BY-4.0: 12."


def test_a_leak_a_gap_a_withdrawal_and_a_licence_are_named(version: Any) -> None:
    spans = VersionSpan.objects.filter(sample__group="litter")
    for span, split in zip(spans, ("train", "test"), strict=True):
        VersionSpan.objects.filter(pk=span.pk).update(split=split)
    Sample.objects.filter(pk=spans[0].sample_id).update(status="withdrawn", licence="CC-BY-NC-4.0")
    version.checks = release_checks(version, {"cat": {"train": 5}, "dog": {"train": 5, "test": 1}})
    assert not any(check["passed"] for check in version.checks)
    said = findings(version)
    assert said["no_split_leak"] == "1 group is in more than one split."
    assert said["classes_in_splits"] == "Missing: cat (test)."
    assert said["nothing_withdrawn"] == "1 of 12 samples."
    assert said["licences_compatible"].startswith("CC-BY-NC-4.0 may not go in.")


def test_one_class_alone_is_no_task(version: Any) -> None:
    version.checks = release_checks(version, {"cat": {"train": 5, "test": 1}})
    assert "one class only" in findings(version)["classes_in_splits"]


def test_page_and_card_say_it_and_older_versions_say_less(
    version: Any, browser_of: Any, cast: Any
) -> None:
    client = browser_of(cast.ada)
    for name in ("version", "version_card"):
        page = client.get(reverse(name, args=["pets", 1])).content.decode()
        assert "11 groups were looked at" in page
    version.checks = [{"check": "no_split_leak", "passed": True, "facts": {"groups": 0}}]
    version.save(update_fields=["checks"])
    assert findings(version) == {"no_split_leak": ""}
    assert client.get(reverse("version", args=["pets", 1])).status_code == 200


def test_every_finding_can_be_said_in_chinese(version: Any) -> None:
    english = findings(version)
    with translation.override("zh-hans"):
        chinese = findings(version)
    assert all(chinese[name] and chinese[name] != english[name] for name in english)
