"""Names in zips that do not say how they are written: Chinese Windows, macOS, and the rest of the world.

The library reads them by code page 437, as the format's first version says. The same bytes may be right in
several encodings, so one is chosen for the archive as a whole.
"""

from collections.abc import Iterable
from itertools import islice
from zipfile import ZipInfo

SAYS_UTF8 = 0x800  # general purpose bit 11 (PKWARE's APPNOTE, 4.4.4)
FAT = 0  # what Windows says that it is
OLD = "cp437"
FIRST_OF_THREE_BYTES = "\u0800"
# So many names say enough.
LOOKED_AT = 1000


def encoding_of(entries: Iterable[ZipInfo]) -> str:
    """Of the names that are not marked as UTF-8: "utf-8", "gb18030" or "cp437"."""
    odd = [each for each in entries if _is_unmarked(each) and not each.filename.isascii()]
    if not odd:
        return OLD
    raw = "\n".join(each.filename for each in islice(odd, LOOKED_AT)).encode(OLD)
    text = _text(raw, "utf-8")
    # Windows writes in the code page of its country, in which two bytes may pass for UTF-8, seldom three.
    if text and (odd[0].create_system != FAT or max(text) >= FIRST_OF_THREE_BYTES):
        return "utf-8"
    if _is_usual(_text(raw, "gb18030")):
        return "gb18030"
    return "utf-8" if text else OLD


def name_of(entry: ZipInfo, encoding: str) -> str:
    """As its sender wrote it; `encoding` is that of the archive's unmarked names."""
    if not _is_unmarked(entry):
        return entry.filename
    return entry.filename.encode(OLD).decode(encoding, errors="replace")


def _is_unmarked(entry: ZipInfo) -> bool:
    """From Python 3.12 on the library takes a name from the field that states it in Unicode, if any."""
    return not entry.flag_bits & SAYS_UTF8 and entry.orig_filename.startswith(entry.filename)


def _text(raw: bytes, encoding: str) -> str:
    """Empty where the bytes are none of this encoding."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _is_usual(text: str) -> bool:
    """Many a Western name is right in GB 18030, too, but in characters that hardly anybody uses: it is taken
    for Chinese where half of them at least are in GB 2312."""
    beyond = "".join(each for each in text if not each.isascii())
    usual = beyond.encode("gb2312", errors="ignore").decode("gb2312")
    return bool(beyond) and 2 * len(usual) >= len(beyond)
