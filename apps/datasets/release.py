"""The checks a version must pass before it may be approved."""

from typing import Any

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Licence, Sample, Version, VersionSpan

Counts = dict[str, dict[str, int]]
Check = dict[str, Any]

TITLES = {
    "no_split_leak": _("No group is on both sides of a split"),
    "classes_in_splits": _("Every class is in every split"),
    "nothing_withdrawn": _("Nothing in it was withdrawn"),
    "licences_compatible": _("All licences allow the dataset's own"),
}
# Which contributed licences a dataset under the key's licence may take in.
ACCEPTS: dict[str, set[str]] = {
    Licence.CC0: {Licence.CC0},
    Licence.MIT: {Licence.CC0, Licence.MIT},
    Licence.CC_BY: {
        Licence.CC0,
        Licence.MIT,
        Licence.CC_BY,
        Licence.ODC_BY,
        Licence.CDLA_PERMISSIVE,
    },
    Licence.ODC_BY: {Licence.CC0, Licence.MIT, Licence.ODC_BY, Licence.CDLA_PERMISSIVE},
    Licence.CDLA_PERMISSIVE: {Licence.CC0, Licence.MIT, Licence.CDLA_PERMISSIVE},
    Licence.CC_BY_SA: set(Licence.values) - {Licence.CC_BY_NC, Licence.PROPRIETARY},
    Licence.CC_BY_NC: set(Licence.values) - {Licence.CC_BY_SA, Licence.PROPRIETARY},
    Licence.PROPRIETARY: set(Licence.values) - {Licence.CC_BY_SA},
}


def release_checks(version: Version, counts: Counts) -> list[Check]:
    """[{"check", "passed", "facts"}] for a version whose spans are written."""
    return [
        _no_split_leak(version),
        _classes_in_splits(counts),
        _nothing_withdrawn(version),
        _licences_compatible(version),
    ]


def _no_split_leak(version: Version) -> Check:
    groups = (
        VersionSpan.objects.of(version)
        .values("sample__group")
        .annotate(splits=Count("split", distinct=True))
    )
    leaking = groups.filter(splits__gt=1).count()
    return {"check": "no_split_leak", "passed": leaking == 0, "facts": {"groups": leaking}}


def _classes_in_splits(counts: Counts) -> Check:
    """Train and test always; validation only where the version has any (it may be declared away)."""
    splits = ["train", "test"]
    if any(per_split.get("validation") for per_split in counts.values()):
        splits.append("validation")
    missing = [
        {"class": label, "split": split}
        for label, per_split in sorted(counts.items())
        for split in splits
        if not per_split.get(split)
    ]
    passed = not missing and len(counts) > 1
    facts = {"missing": missing[:50], "classes": len(counts)}
    return {"check": "classes_in_splits", "passed": passed, "facts": facts}


def _nothing_withdrawn(version: Version) -> Check:
    gone = VersionSpan.objects.of(version).filter(sample__status=Sample.Status.WITHDRAWN).count()
    return {"check": "nothing_withdrawn", "passed": gone == 0, "facts": {"samples": gone}}


def _licences_compatible(version: Version) -> Check:
    used = set(VersionSpan.objects.of(version).values_list("sample__licence", flat=True).distinct())
    odd = sorted(used - ACCEPTS[version.dataset.licence] - {version.dataset.licence})
    return {"check": "licences_compatible", "passed": not odd, "facts": {"licences": odd}}
