"""The checks a version must pass before it may be approved, and what each of them found."""

from collections.abc import Callable
from typing import Any

from django.db.models import Count, Max, Q
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Licence, Sample, Split, Version, VersionSpan

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
        _classes_in_splits(counts, version.sealed),
        _nothing_withdrawn(version),
        _licences_compatible(version),
    ]


def _no_split_leak(version: Version) -> Check:
    groups = VersionSpan.objects.of(version).order_by().values("sample__group")
    counted = groups.annotate(splits=Count("split", distinct=True), samples=Count("pk"))
    facts = counted.aggregate(
        groups=Count("splits", filter=Q(splits__gt=1)),
        checked=Count("splits"),
        several=Count("splits", filter=Q(samples__gt=1)),
        largest=Max("samples"),
    )
    return {"check": "no_split_leak", "passed": facts["groups"] == 0, "facts": facts}


def _classes_in_splits(counts: Counts, sealed: bool) -> Check:
    """Train and test always; validation only where the version has any (it may be declared away)."""
    splits = ["train", "test"]
    if any(per_split.get("validation") for per_split in counts.values()):
        splits.append("validation")
    shares: list[dict[str, Any]] = [
        {"class": label, "split": split, "samples": per_split.get(split, 0)}
        for label, per_split in sorted(counts.items())
        for split in splits
    ]
    missing = [share for share in shares if not share["samples"]]
    told = [share for share in shares if not (sealed and share["split"] == Split.TEST)]
    facts = {
        "missing": [{"class": each["class"], "split": each["split"]} for each in missing[:50]],
        "classes": len(counts),
        "smallest": min(told, key=lambda share: share["samples"], default=None),
    }
    return {
        "check": "classes_in_splits",
        "passed": not missing and len(counts) > 1,
        "facts": facts,
    }


def _nothing_withdrawn(version: Version) -> Check:
    spans = VersionSpan.objects.of(version)
    gone = spans.filter(sample__status=Sample.Status.WITHDRAWN).count()
    facts = {"samples": gone, "checked": spans.count()}
    return {"check": "nothing_withdrawn", "passed": gone == 0, "facts": facts}


def _licences_compatible(version: Version) -> Check:
    spans = VersionSpan.objects.of(version).order_by().values_list("sample__licence")
    used = dict(spans.annotate(n=Count("pk")))
    odd = sorted(used.keys() - ACCEPTS[version.dataset.licence] - {version.dataset.licence})
    facts = {"licences": odd, "used": used}
    return {"check": "licences_compatible", "passed": not odd, "facts": facts}


# --- in words ---------------------------------------------------------------------------------


def finding(check: Check) -> str:
    """What a check found, as a sentence; empty for one made before it was written down."""
    say = _FINDINGS.get(check["check"])
    try:
        return say(check["facts"]) if say else ""
    except (KeyError, TypeError):
        return ""


def _say_leak(facts: dict[str, Any]) -> str:
    if facts["groups"]:
        text = ngettext(
            "%(groups)s group is in more than one split.",
            "%(groups)s groups are in more than one split.",
            facts["groups"],
        )
    else:
        text = ngettext(
            "%(checked)s group was looked at. With several samples: %(several)s; "
            "the largest has %(largest)s.",
            "%(checked)s groups were looked at. With several samples: %(several)s; "
            "the largest has %(largest)s.",
            facts["checked"],
        )
    return text % facts


def _say_classes(facts: dict[str, Any]) -> str:
    if facts["missing"]:
        missing = [f"{each['class']} ({_split(each['split'])})" for each in facts["missing"]]
        return gettext("Missing: %(what)s.") % {"what": ", ".join(missing[:8])}
    if facts["classes"] < 2:
        return gettext("It has one class only: there is nothing to tell apart.")
    smallest = facts["smallest"]
    text = gettext("%(classes)s classes; the fewest are %(samples)s of “%(class)s” in %(split)s.")
    values = smallest | {"classes": facts["classes"], "split": _split(smallest["split"])}
    return str(text % values)


def _say_withdrawn(facts: dict[str, Any]) -> str:
    return str(gettext("%(samples)s of %(checked)s samples.") % facts)


def _say_licences(facts: dict[str, Any]) -> str:
    used = ", ".join(f"{name}: {number}" for name, number in sorted(facts["used"].items()))
    if facts["licences"]:
        text = gettext("%(odd)s may not go in. Used are %(used)s.")
        return text % {"odd": ", ".join(facts["licences"]), "used": used}
    return gettext("Used are %(used)s.") % {"used": used}


def _split(value: str) -> str:
    return str(Split(value).label)


_FINDINGS: dict[str, Callable[[dict[str, Any]], str]] = {
    "no_split_leak": _say_leak,
    "classes_in_splits": _say_classes,
    "nothing_withdrawn": _say_withdrawn,
    "licences_compatible": _say_licences,
}
