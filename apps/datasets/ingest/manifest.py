"""A contribution's manifest: foreign bytes in, rows about files out, every problem with its line.

A table (CSV, TSV, semicolons) with a heading, or JSON lines, in UTF-8; which, the content decides.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from apps.datasets.ingest.folders import MAX_CLASS, SPLIT_FOLDERS, UNSEEN, clean_name
from apps.datasets.models import Licence
from apps.datasets.tables import harmed

# Column names by what they mean, in the order in which they are looked for.
COLUMNS = {
    "filename": ("filename", "file_name", "file", "path", "image"),
    "label": ("label", "class", "category"),
    "group": ("group",),
    "source": ("source",),
    "licence": ("licence", "license"),
    "split": ("split", "subset"),
}
MEANS = {alias: meaning for meaning, aliases in COLUMNS.items() for alias in aliases}
LONGEST = {"label": MAX_CLASS, "group": 80, "source": 120}
DELIMITERS = ",;\t"
# Characters of one row, whatever columns it has: a row is held in memory as a whole.
LONGEST_ROW = 2**17
# So many problems are enough: whatever else is in the file, these come first.
ENOUGH = 1000
# A file of this name in a folder or an archive is its manifest, at the root or in the root folder.
_AT_ROOT = re.compile(r"(?:[^/]+/)?(?:manifest|metadata)\.(?:csv|jsonl)", re.IGNORECASE)


class Row(NamedTuple):
    """What a manifest says about one file; an empty field says nothing."""

    line: int
    name: str
    label: str = ""
    group: str = ""
    source: str = ""
    licence: str = ""
    split: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """All that it says, wherever it stands."""
        return self[1:]


class Problem(NamedTuple):
    """What is wrong, as a code (the sentence is in apps.datasets.manifest_report)."""

    line: int
    code: str
    facts: Mapping[str, Any] = MappingProxyType({})


class _Wrong(Exception):
    """One line cannot be used; the others are read on."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class _Enough(Exception):
    """Nothing more is read."""


@dataclass
class Read:
    """`problems` keep the manifest from being used, `notes` do not."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    # {meaning: the heading that was taken for it}
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def unused(self) -> list[str]:
        """Headings that say nothing here."""
        taken = set(self.columns.values())
        return [_shown(each) for each in self.headings if each.strip() and each not in taken]

    def wrong(self, line: int, code: str, **facts: Any) -> None:
        self.problems.append(Problem(line, code, facts))
        if len(self.problems) == ENOUGH:
            self.problems.append(Problem(line, "too_many_problems", {"limit": ENOUGH}))
            raise _Enough


Cells = tuple[int, Mapping[str, Any]]  # line, {heading: value}


class _Form(NamedTuple):
    """How the cells of a manifest become rows."""

    cell: Callable[[Any], str]
    inside: str  # what stands before each name, with its slash
    most: int


def is_manifest(name: str) -> bool:
    """Is this file of a folder or an archive its manifest, by name and place?"""
    return bool(_AT_ROOT.fullmatch(name.replace("\\", "/").removeprefix("./")))


def folder_of(name: str) -> str:
    """The folder that a manifest lies in, which its rows leave out."""
    return clean_name(name).removeprefix("./").rpartition("/")[0]


def names_of(name: str) -> tuple[str, ...]:
    """The names under which a manifest may speak of a file: its own, or without its first folder.

    A manifest is mostly written inside a folder; the folder's own name comes with the upload.
    """
    own = name.removeprefix("./")
    return tuple(filter(None, (own, own.partition("/")[2])))


def read_manifest(data: bytes, *, most: int, folder: str = "") -> Read:
    """Every row of a manifest and every problem in it, whatever the bytes are. It raises nothing.

    folder: where it lay; the rows get the names that the files have outside of it.
    """
    read = Read()
    inside = f"{clean_name(folder)}/" if folder else ""
    try:
        _read(_text(data, read), read, inside, most)
    except _Enough:
        return read
    if not read.rows and not read.problems:
        read.wrong(1, "no_rows")
    return read


def _text(data: bytes, read: Read) -> str:
    """The bytes as text; empty where they are none."""
    try:
        text = data.decode("utf-8-sig")
        if "\x00" not in text:
            return text
        place = data.index(0)
    except UnicodeDecodeError as error:
        place = error.start
    read.wrong(data.count(b"\n", 0, place) + 1, "not_utf8")
    return ""


def _read(text: str, read: Read, inside: str, most: int) -> None:
    if not text.strip():
        return
    if text.lstrip().startswith("{"):
        _take(_json_lines(text, read), read, _Form(_json_cell, inside, most))
    else:
        _take(_table(text, read), read, _Form(_table_cell, inside, most))


# ---- the two forms


class _Lines:
    """The lines of a text, one after the other; `row` counts the characters of the present row."""

    def __init__(self, text: str) -> None:
        self._found = re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)
        self.row = 0

    def __iter__(self) -> Iterator[str]:
        for match in self._found:
            self.row += match.end() - match.start()
            if self.row > LONGEST_ROW:
                raise _Wrong("too_long_row", limit=LONGEST_ROW)
            yield match[0]


def _table(text: str, read: Read) -> Iterator[Cells]:
    lines = _Lines(text)
    delimiter = _delimiter(text.lstrip("\r\n")[:LONGEST_ROW].splitlines()[0])
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            here, line, lines.row = line, reader.line_num + 1, 0
            if not any(cell.strip() for cell in cells):
                continue
            if not read.headings:
                read.headings = cells
                if not _understood(cells, here, read):
                    return
            elif len(cells) > len(read.headings) and any(cells[len(read.headings) :]):
                read.wrong(here, "too_many_cells", found=len(cells), limit=len(read.headings))
            else:
                yield here, dict(zip(read.headings, cells, strict=False))
    except csv.Error:
        read.wrong(line, "bad_table")
    except _Wrong as wrong:  # where the next row begins cannot be known
        read.wrong(line, wrong.code, **wrong.facts)


def _delimiter(heading: str) -> str:
    """The delimiter with which the heading names a file; a comma where none does."""
    for delimiter in DELIMITERS:
        names = {_key(name.strip().strip('"')) for name in heading.split(delimiter)}
        if names & set(COLUMNS["filename"]):
            return delimiter
    return ","


def _json_lines(text: str, read: Read) -> Iterator[Cells]:
    seen: set[str] = set()
    meant: list[str] = []
    for line, match in enumerate(re.finditer(r"[^\n]*\n|[^\n]+", text), 1):
        if match.end() - match.start() > LONGEST_ROW:
            read.wrong(line, "too_long_row", limit=LONGEST_ROW)
            continue
        part = match[0].strip()
        if not part:
            continue
        try:
            row = json.loads(part)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            read.wrong(line, "bad_json")
            continue
        fresh = [key for key in row if key not in seen]
        seen.update(fresh)
        if not meant or any(_key(key) in MEANS for key in fresh):
            meant += [key for key in fresh if _key(key) in MEANS]
            if not _understood(meant, line, read):
                return
        read.headings += fresh
        yield line, row


def _key(heading: str) -> str:
    return re.sub(r"[\s-]+", "_", heading.strip().casefold())


def _understood(headings: list[str], line: int, read: Read) -> bool:
    """Find out what the headings mean; False: no row can be read by them.

    Where several mean the same, the one that COLUMNS names first is taken.
    """
    named: dict[str, str] = {}
    for heading in headings:
        key = _key(heading)
        if key in MEANS and key in named:
            read.wrong(line, "double_column", found=f"{_shown(named[key])}, {_shown(heading)}")
            return False
        named.setdefault(key, heading)
    for meaning, aliases in COLUMNS.items():
        if found := [named[alias] for alias in aliases if alias in named]:
            read.columns[meaning] = found[0]
    if "filename" not in read.columns:
        read.wrong(line, "no_filename_column", columns=", ".join(COLUMNS["filename"]))
    return "filename" in read.columns


# ---- one row


def _take(cells: Iterator[Cells], read: Read, form: _Form) -> None:
    known: dict[str, Row] = {}
    for number, (line, values) in enumerate(cells, 1):
        if number > form.most:
            read.wrong(line, "too_many_rows", limit=form.most)
            break
        try:
            said = {what: form.cell(values.get(name)) for what, name in read.columns.items()}
            row = _row(line, said, form.inside)
        except _Wrong as wrong:
            read.wrong(line, wrong.code, **wrong.facts)
            continue
        other = known.setdefault(row.name, row)
        if other is row:
            continue
        facts = {"found": _shown(row.name), "first": other.line}
        if other.words == row.words:
            read.notes.append(Problem(line, "repeated", facts))
        else:
            read.wrong(line, "contradiction", **facts)
    read.rows = list(known.values())


def _row(line: int, said: Mapping[str, str], inside: str) -> Row:
    if not UNSEEN.sub("", said["filename"]).strip("/\\ ."):
        raise _Wrong("no_filename")
    words = {column: _words(column, said.get(column, "")) for column in LONGEST}
    return Row(
        line,
        _name(said["filename"], inside),
        **words,
        licence=_licence(said.get("licence", "")),
        split=_split(said.get("split", "")),
    )


def _name(text: str, inside: str) -> str:
    name = clean_name(text)
    if name.startswith("./"):
        name = clean_name(name[2:])
    return name if name.startswith(inside) else clean_name(inside + name)


def _words(column: str, text: str) -> str:
    """What nobody sees taken out, one kind of space."""
    if not text:
        return ""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    plain = " ".join(UNSEEN.sub("", spaced).split())
    if len(plain) > LONGEST[column]:
        facts = {"column": column, "found": len(plain), "limit": LONGEST[column]}
        raise _Wrong("too_long", **facts)
    return plain


def _licence(text: str) -> str:
    if not text.strip():
        return ""
    if found := Licence.spelled(text):
        return str(found)
    raise _Wrong("unknown_licence", found=_shown(text), known=", ".join(Licence.values))


def _split(text: str) -> str:
    if not text.strip():
        return ""
    if found := SPLIT_FOLDERS.get(text.strip().casefold()):
        return found
    raise _Wrong("unknown_split", found=_shown(text), known=", ".join(SPLIT_FOLDERS))


def _table_cell(value: Any) -> str:
    return harmed(value or "")


def _json_cell(value: Any) -> str:
    """A string, or a number as it is written. Raises _Wrong for what is no text."""
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise _Wrong("not_text")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: no database takes it
        raise _Wrong("not_text") from None
    return text.replace("\x00", "")


def _shown(text: str) -> str:
    """Foreign words in a sentence: short, and with nothing unseen."""
    plain = " ".join(UNSEEN.sub("", text).split())
    return plain if len(plain) <= 60 else plain[:59] + "…"
