"""The digest of a version: what anyone can recompute from the exported manifest.

One line per sample, the JSON array `["sample sha256","label","split","group","licence"]` without
spaces and with non-ASCII characters as they are, in UTF-8, ended by a newline; lines sorted by
their bytes; sha256 over all of them. docs/versions.md has the recipe as a script.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """A sample as a version holds it."""

    sample: str  # sha256 of the stored bytes, hex
    label: str
    split: str
    group: str
    licence: str


def line(row: Row) -> bytes:
    return json.dumps(list(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Digest:
    """Takes rows sorted by sample (their first column is unique, so that sorts the lines)."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._last = ""

    def add(self, row: Row) -> None:
        """Raises ValueError when rows are out of order: the result would not be the digest."""
        if row.sample <= self._last:
            raise ValueError(f"rows out of order: {row.sample} after {self._last}")
        self._last = row.sample
        self._hash.update(line(row))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def digest_of(rows: Iterable[Row]) -> str:
    """The digest of rows in any order."""
    digest = hashlib.sha256()
    for each in sorted(map(line, rows)):
        digest.update(each)
    return digest.hexdigest()
