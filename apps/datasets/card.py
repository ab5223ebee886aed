"""The card of a version: what machines know beside what only people can say.

One list of sections, shown as a page and written as the README.md of a download.
"""

import json
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.datasets.models import Policy, Split, TaskKind, Version, VersionSpan
from apps.datasets.release import TITLES, finding
from apps.datasets.seals import counts_of, is_sealed

DAY = 86400
LISTED = 50  # a card names the largest sources; the manifest has them all
# What Hugging Face calls our tasks and licences.
TASKS = {
    TaskKind.IMAGE_CLASSIFICATION: "image-classification",
    TaskKind.TEXT_CLASSIFICATION: "text-classification",
}
SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
LARGEST = "1M<n<10M"

Section = dict[str, Any]


def counted(version: Version) -> dict[str, Any]:
    """What only a pass over its rows can say; the version stands, so it is kept for a day."""
    key = f"card:{version.pk}:{version.digest}:{version.withdrawn}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        spans = VersionSpan.objects.of(version).order_by()
        licences = spans.values_list("sample__licence").annotate(n=Count("pk"))
        sources = spans.exclude(sample__source="").values_list("sample__source")
        grouped = spans.values("sample__group").annotate(n=Count("pk")).filter(n__gt=1)
        found = {
            "licences": sorted(licences, key=lambda row: (-row[1], row[0])),
            "sources": list(
                sources.annotate(n=Count("pk")).order_by("-n", "sample__source")[:LISTED]
            ),
            "bytes": spans.aggregate(n=Sum("sample__size"))["n"] or 0,
            "groups": grouped.count(),
        }
        cache.set(key, found, DAY)
    return found


def sections(version: Version) -> list[Section]:
    """[{"title", "text" or "rows" or "table"}]: each is filled, if only by what is missing."""
    dataset = version.dataset
    return [
        _human(_("Why it exists"), dataset.motivation, _("Its maintainers have not said yet.")),
        _human(
            _("What it must not be used for"),
            dataset.limitations,
            _("Its maintainers have named no limits yet. That does not mean there are none."),
        ),
        {"title": _("At a glance"), "rows": _glance(version)},
        {"title": _("Classes and splits"), "table": _balance(version)},
        {"title": _("Where it comes from"), "rows": _origin(version)},
        {"title": _("Who made it"), "rows": _makers(version), "people": bool(version.credits)},
        {"title": _("How it was reviewed"), "rows": _review(version)},
        {"title": _("What was checked"), "rows": _checks(version)},
        _human(_("How to tell the classes apart"), dataset.guidelines, _("No guidelines yet.")),
        {"title": _("How to verify it"), "rows": _verify(version)},
    ]


def _human(title: str, text: str, missing: str) -> Section:
    return {"title": title, "text": text.strip(), "missing": missing, "human": True}


def _glance(version: Version) -> list[tuple[str, str]]:
    dataset = version.dataset
    rows = [
        (_("Version"), f"{version.number} ({version.get_status_display()})"),
        (_("Frozen"), date_format(version.created_at, "DATE_FORMAT")),
        (_("Task"), str(dataset.get_task_display())),
        (_("Samples"), str(version.size)),
        (_("Bytes"), str(counted(version)["bytes"])),
        (_("Licence"), dataset.licence),
    ]
    if number := version.changes.get("number"):
        rows.insert(1, (_("Semantic number"), number))
    if version.notes:
        rows.append((_("What changed, and why"), version.notes))
    if version.sealed:
        sealed = _("sealed: only salted hashes of them are published")
        rows.append((_("Test labels"), sealed if is_sealed(version) else _("unsealed since")))
    return rows


def _balance(version: Version) -> dict[str, Any]:
    counts = counts_of(version)
    sealed = _("sealed")
    rows = [
        [name, *(sealed if n is None else str(n) for n in counts.get(name, {}).values())]
        for name in version.class_names
    ]
    return {"header": [_("Class"), *map(str, Split.labels)], "rows": rows}


def _origin(version: Version) -> list[tuple[str, str]]:
    found = counted(version)
    rows = [(_("Licence %s") % name, _samples(n)) for name, n in found["licences"]]
    rows += [(_("Source %s") % name, _samples(n)) for name, n in found["sources"]]
    alike = ngettext(
        "%(n)s group of several samples stays in one split",
        "%(n)s groups of several samples stay in one split each",
        found["groups"],
    )
    rows.append((_("Look-alikes"), alike % {"n": found["groups"]}))
    gone = ngettext("%(n)s sample", "%(n)s samples", version.withdrawn) % {"n": version.withdrawn}
    rows.append((_("Withdrawn since"), gone if version.withdrawn else _("nothing")))
    return rows


def _samples(number: int) -> str:
    return ngettext("%(n)s sample", "%(n)s samples", number) % {"n": number}


def _makers(version: Version) -> list[tuple[str, str]]:
    return [(each["member"], _samples(each["samples"])) for each in version.credits] or [
        (_("Contributors"), _("not counted when it was frozen"))
    ]


def _review(version: Version) -> list[tuple[str, str]]:
    dataset = version.dataset
    rows = [(_("Review policy"), str(dataset.get_policy_display()))]
    if dataset.policy == Policy.CONSENSUS:
        text = _("at least %(needed)s labels, %(support)s the same; at most %(most)s")
        values = {
            "needed": dataset.labels_needed,
            "support": dataset.get_support_display(),
            "most": dataset.labels_max,
        }
        rows.append((_("Consensus"), text % values))
    if version.size and version.credits:
        fixed = sum(each["corrected"] for each in version.credits)
        share = 100 * (version.size - fixed) / version.size
        text = _("%(share).1f %% kept the class that whoever brought them said")
        rows.append((_("Agreement"), text % {"share": share}))
    return rows


def _checks(version: Version) -> list[tuple[str, str]]:
    return [
        (
            str(TITLES.get(each["check"], each["check"])),
            ". ".join(
                filter(None, (_("passed") if each["passed"] else _("failed"), finding(each)))
            ),
        )
        for each in version.checks
    ] or [(_("Release checks"), _("none were run"))]


def _verify(version: Version) -> list[tuple[str, str]]:
    return [
        (_("Digest"), version.digest),
        (_("Manifest, SHA-256"), version.manifest_sha256),
        (_("Recipe"), _("docs/versions.md of Potluck: a script of fifteen lines")),
    ]


def readme(version: Version, address: str) -> str:
    """README.md with the front matter that Hugging Face reads, in the language of the request."""
    parts = [_front_matter(version), f"# {_one_line(version.dataset.title)}"]
    if version.dataset.summary:
        parts.append(_one_line(version.dataset.summary))
    parts.append(f"<{address}>")
    for section in sections(version):
        parts.append(f"## {section['title']}")
        if "rows" in section:
            parts.append(
                "\n".join(f"- {name}: {_one_line(value)}" for name, value in section["rows"])
            )
        elif "table" in section:
            parts.append(_table(section["table"]))
        else:
            parts.append(section["text"] or f"*{section['missing']}*")
    return "\n\n".join(parts) + "\n"


def _front_matter(version: Version) -> str:
    """YAML by hand: every text is quoted as JSON, which YAML reads."""
    dataset = version.dataset
    size = next((name for limit, name in SIZES if version.size < limit), LARGEST)
    lines = [
        "---",
        f"pretty_name: {_quoted(dataset.title)}",
        f"license: {_quoted(_licence(dataset.licence))}",
        f"task_categories: [{TASKS[TaskKind(dataset.task)]}]",
        f"size_categories: [{_quoted(size)}]",
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for split in Split.values:
        if any(per_split.get(split) for per_split in version.counts.values()):
            lines += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    return "\n".join([*lines, "---"])


def _licence(spdx: str) -> str:
    return "other" if spdx.startswith("LicenseRef") else spdx.lower()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(table: dict[str, Any]) -> str:
    rows = [table["header"], ["---"] * len(table["header"]), *table["rows"]]
    return "\n".join(
        f"| {' | '.join(_one_line(c).replace('|', '&#124;') for c in row)} |" for row in rows
    )
