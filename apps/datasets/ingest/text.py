"""Foreign bytes in, clean texts out: lines, a table (CSV, TSV) or JSON lines, told by their content."""

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from apps.datasets.ingest.folders import SPLIT_FOLDERS, UNSEEN
from apps.datasets.ingest.refusal import Refused

# Column names by what they mean, in the order in which they are looked for.
TEXT = ("text", "sentence", "content", "utterance", "question", "document")
LABEL = ("label", "category", "class", "intent", "target")
SPLIT = ("split", "subset")
GROUP = ("group", "source_id", "author", "document_id")
SOURCE = ("source",)
LICENCE = ("licence", "license")
DELIMITERS = ",;\t"
EXCERPT = 200
# Python's splitlines() would split at eight more, which stand inside of texts and of JSON.
LINE_END = re.compile(r"\r\n|\r|\n")
KEPT = re.compile(r"[^\S\n]+")


@dataclass(frozen=True)
class Entry:
    """One text as a file has it; `line` is where it stands, from 1."""

    line: int
    text: str
    label: str = ""
    split: str = ""
    group: str = ""
    source: str = ""
    licence: str = ""  # as it is written


@dataclass(frozen=True)
class CleanText:
    """What is kept of a text."""

    text: str
    content_sha256: str
    fixes: list[str] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return self.text.encode()

    @property
    def excerpt(self) -> str:
        flat = " ".join(self.text.split())
        return flat if len(flat) <= EXCERPT else flat[: EXCERPT - 1] + "…"


def read_entries(data: bytes, name: str, *, most: int) -> Iterator[Entry]:
    """Every text of a file, in its order.

    Raises Refused for the whole of it: empty_file, not_utf8, no_text_column, too_many_rows,
    bad_table.
    """
    if not data.strip():
        raise Refused("empty_file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    if "\x00" in text:
        raise Refused("not_utf8")
    split = SPLIT_FOLDERS.get(PurePosixPath(name).stem.casefold(), "")
    for number, entry in enumerate(_entries(text), 1):
        if number > most:
            raise Refused("too_many_rows", limit=most)
        yield entry if entry.split or not split else _with_split(entry, split)


def _with_split(entry: Entry, split: str) -> Entry:
    return replace(entry, split=split)


def _entries(text: str) -> Iterator[Entry]:
    first = LINE_END.split(text.lstrip(), 1)[0].strip()
    if first.startswith("{"):
        return _json_lines(text)
    delimiter = _delimiter(first)
    return _table(text, delimiter) if delimiter else _lines(text)


def _delimiter(heading: str) -> str:
    """The delimiter of a heading that names a text column; empty where the first line is no heading."""
    for delimiter in DELIMITERS:
        names = {name.strip().strip('"').casefold() for name in heading.split(delimiter)}
        if names & set(TEXT) and (len(names) > 1 or delimiter == ","):
            return delimiter
    return ""


def _lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(LINE_END.split(text), 1):
        if line.strip():
            yield Entry(number, line)


def _table(text: str, delimiter: str) -> Iterator[Entry]:
    csv.field_size_limit(2**24)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield _entry(reader.line_num, row)
    except csv.Error:
        raise Refused("bad_table", line=reader.line_num) from None


def _json_lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(LINE_END.split(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "\\u" in line:  # half of a surrogate pair is text that nothing can store
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise Refused("bad_table", line=number) from None
        if not isinstance(row, dict):
            raise Refused("bad_table", line=number)
        yield _entry(number, row)


def _entry(line: int, row: Mapping[str, object]) -> Entry:
    named = {str(key).strip().casefold(): value for key, value in row.items() if key is not None}
    if not named.keys() & set(TEXT):
        raise Refused("no_text_column", columns=", ".join(TEXT))
    split = _value(named, SPLIT).casefold()
    return Entry(
        line,
        _value(named, TEXT),
        _words(named, LABEL),
        SPLIT_FOLDERS.get(split, ""),
        _words(named, GROUP)[:80],
        _words(named, SOURCE)[:120],
        _words(named, LICENCE),
    )


def _words(row: Mapping[str, object], names: tuple[str, ...]) -> str:
    """One line of seen characters."""
    return UNSEEN.sub("", " ".join(_value(row, names).split()))


def _value(row: Mapping[str, object], names: tuple[str, ...]) -> str:
    found = next((row[name] for name in names if name in row), None)
    return "" if found is None else str(found)


def clean_text(text: str, *, most: int) -> CleanText:
    """One text, normalised (NFC, one kind of line end) and freed of what nobody sees.

    Raises Refused: empty_text, text_too_long.
    """
    fixes = []
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    seen = "".join(part for part in _visible(normal))
    if seen != normal:
        fixes.append("unseen_removed")
    whole = KEPT.sub(" ", seen).strip()
    if not whole:
        raise Refused("empty_text")
    if len(whole) > most:
        raise Refused("text_too_long", limit=most, found=len(whole))
    return CleanText(whole, content_sha256(whole), fixes)


def _visible(text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n")):
        yield "\n" if number else ""
        yield UNSEEN.sub("", line.replace("\t", " "))


def content_sha256(text: str) -> str:
    """The same for texts that differ in case, width and space only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()
