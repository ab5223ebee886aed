"""What a manifest would do, or does, in numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy

from apps.datasets.actions.classing import Classes
from apps.datasets.actions.matching import row_for
from apps.datasets.ingest.folders import class_key
from apps.datasets.ingest.manifest import Problem, Read, Row
from apps.datasets.manifest_problems import sentence
from apps.datasets.models import Contribution, Receipt, Split

# So many problems, classes, sources and names are shown; all of them are counted.
SHOWN = 100
NAMES = 10

# What becomes of files that were read before.
BEFORE = {
    "changed": gettext_lazy("are changed as it says"),
    "same": gettext_lazy("are as it says already"),
    "decided": gettext_lazy("keep class, source, licence and split: somebody has looked at them"),
    "in_hand": gettext_lazy("keep what they have: somebody is looking at them now; send it again"),
    "group_kept": gettext_lazy(
        "keep their group: look-alikes of theirs are in another split than the declared group"
    ),
}


class Part(NamedTuple):
    """How many rows say the same; `name` is empty where they say nothing.

    Of a class also: is it one of the dataset's, its colour, and a percentage of the largest.
    """

    name: str
    rows: int
    known: bool = True
    colour: int | None = None
    percent: float = 0


@dataclass
class Report:
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    notes: list[Problem] = field(default_factory=list)
    note_count: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    classes: list[Part] = field(default_factory=list)
    class_count: int = 0
    new_class_count: int = 0
    splits: list[Part] = field(default_factory=list)
    licences: list[Part] = field(default_factory=list)
    sources: list[Part] = field(default_factory=list)
    groups: int = 0
    # Rows whose file has come, or not yet; files that came and have no row.
    arrived: int = 0
    missing: int = 0
    missing_names: list[str] = field(default_factory=list)
    unnamed: int = 0
    unnamed_names: list[str] = field(default_factory=list)
    # Of the files that were read before the manifest: code of BEFORE → how many.
    before: Counter[str] = field(default_factory=Counter)

    @property
    def usable(self) -> bool:
        return not self.problem_count

    @property
    def lines(self) -> list[tuple[Problem, str, bool]]:
        """(problem or note, its sentence, is it a note), by line, for a page."""
        every = [(each, False) for each in self.problems] + [(each, True) for each in self.notes]
        every.sort(key=lambda pair: pair[0].line)
        return [(each, sentence(each), note) for each, note in every]

    @property
    def split_lines(self) -> list[tuple[str, int]]:
        """(the split in the reader's language, how many rows), for a page."""
        names = dict(Split.choices)
        return [(str(names.get(part.name, "")), part.rows) for part in self.splits]

    @property
    def before_lines(self) -> list[tuple[int, Any]]:
        """(how many, what becomes of them), for a page."""
        return [(self.before[code], text) for code, text in BEFORE.items() if self.before[code]]


def report_of(contribution: Contribution, read: Read, extra: Iterable[Problem] = ()) -> Report:
    """The numbers of what was read; nothing is written."""
    problems = [*read.problems, *extra]
    report = Report(
        rows=len(read.rows),
        problems=problems[:SHOWN],
        problem_count=len(problems),
        notes=read.notes[:SHOWN],
        note_count=len(read.notes),
        columns=read.columns,
        unused=read.unused[:SHOWN],
        splits=_parts(read.rows, lambda row: row.split),
        licences=_parts(read.rows, lambda row: row.licence),
        sources=_parts(read.rows, lambda row: row.source)[:SHOWN],
        groups=len({row.group for row in read.rows if row.group}),
    )
    _count_classes(report, contribution, read.rows)
    _count_files(report, contribution, {row.name: row for row in read.rows})
    return report


def _parts(rows: Iterable[Row], said: Callable[[Row], str]) -> list[Part]:
    """The most frequent first."""
    counts = Counter(map(said, rows))
    return [Part(name, n) for name, n in sorted(counts.items(), key=lambda item: (-item[1], item))]


def _count_classes(report: Report, contribution: Contribution, rows: Iterable[Row]) -> None:
    """By class, however it is spelled."""
    classes = Classes(contribution.dataset_id)
    spelled: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        key = class_key(row.label)
        spelled.setdefault(key, row.label)
        counts[key] += 1
    parts: dict[str, Part] = {}
    for key, number in counts.items():
        label = classes.named(key) if key else None
        name, colour = (label.name, label.colour) if label else (spelled[key], None)
        before = parts.get(name, Part(name, 0, bool(label or not key), colour))
        parts[name] = before._replace(rows=before.rows + number)
    most = max((part.rows for part in parts.values()), default=1)
    found = [part._replace(percent=round(100 * part.rows / most, 2)) for part in parts.values()]
    found.sort(key=lambda part: (part.known, -part.rows, part.name))
    report.classes = found[:SHOWN]
    report.class_count = sum(bool(part.name) for part in found)
    report.new_class_count = sum(not part.known for part in found)


def _count_files(report: Report, contribution: Contribution, rows: Mapping[str, Row]) -> None:
    """Which rows have their file here; by the names alone, an archive is none."""
    here: set[str] = set()
    files = contribution.receipts.filter(archive=False).exclude(outcome=Receipt.Outcome.UNPACKED)
    for name, split in files.values_list("name", "sample__split").iterator(5000):
        row = row_for(name, rows)
        if row is not None:
            here.add(row.name)
            continue
        report.unnamed += 1
        # The folders of one that is in a version may name a class that is sealed.
        if not split and len(report.unnamed_names) < NAMES:
            report.unnamed_names.append(name)
    report.arrived = len(here)
    report.missing = len(rows) - len(here)
    report.missing_names = [name for name in rows if name not in here][:NAMES]
