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
# So many names say enough.
LOOKED_AT = 1000


def encoding_of(entries: Iterable[ZipInfo]) -> str:
    """Of the names that are not marked as UTF-8: "utf-8", "gb18030" or "cp437"."""
    odd = [each for each in entries if _is_unmarked(each) and not each.filename.isascii()]
    if not odd:
        return OLD
    raw = "\n".join(each.filename for each in islice(odd, LOOKED_AT)).encode(OLD)
    found = [encoding for encoding in ("utf-8", "gb18030") if _reads(raw, encoding)]
    # Windows writes in the code page of its country; where UTF-8 is unmarked, something else wrote it.
    return (found[-1] if odd[0].create_system == FAT else found[0]) if found else OLD


def name_of(entry: ZipInfo, encoding: str) -> str:
    """As its sender wrote it; `encoding` is that of the archive's unmarked names."""
    if not _is_unmarked(entry):
        return entry.filename
    return entry.filename.encode(OLD).decode(encoding, errors="replace")


def _is_unmarked(entry: ZipInfo) -> bool:
    return not entry.flag_bits & SAYS_UTF8


def _reads(raw: bytes, encoding: str) -> bool:
    """Whether the bytes make sense so. Many a Western name is right in GBK, too, but in characters that
    hardly anybody uses: it is taken for Chinese where half of them at least are in GB 2312."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    beyond = "".join(each for each in text if not each.isascii())
    usual = beyond.encode("gb2312", errors="ignore").decode("gb2312")
    return encoding == "utf-8" or 2 * len(usual) >= len(beyond)
