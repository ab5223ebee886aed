"""CSV that streams, and that a spreadsheet cannot take for formulas."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# A cell that begins so is run by spreadsheets; a tick before it makes it text.
RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if out.tell() > 65536:
            yield _taken(out)
    yield _taken(out)


def harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(RISKY):
        return f"'{cell}"
    return cell


def harmed(cell: str) -> str:
    """The cell before `harmless`: tables that we gave out come back."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(RISKY) else cell


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
