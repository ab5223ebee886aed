"""What the folders of a file's name say: its class and its split."""

import re
import unicodedata
from typing import NamedTuple

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
MAX_NAME = 1000
MAX_CLASS = 80
# Control characters and the marks that turn text around (a name must look like what it is).
UNSEEN = re.compile("[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Halves of surrogate pairs that stand for no byte.
NO_CHARACTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class Claims(NamedTuple):
    """`label` is the immediate parent folder, `split` the nearest ancestor that names one."""

    label: str
    split: str


def clean_name(name: str) -> str:
    """A shown file name: one kind of slash, no unseen characters, at most MAX_NAME characters."""
    name = (
        UNSEEN.sub("", unicodedata.normalize("NFC", readable(name))).replace("\\", "/").strip("/ ")
    )
    return name[-MAX_NAME:] or "unnamed"


def readable(name: str) -> str:
    """A name whose bytes were no UTF-8 (Python keeps each as half of a surrogate pair), readable.

    Old Chinese archives have names in GBK, which GB 18030 reads; of others the unknown is replaced.
    """
    raw = NO_CHARACTER.sub("\ufffd", name).encode(errors="surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode(errors="replace")


def class_key(name: str) -> str:
    """Two spellings of one class (case, width, spaces, underscores) have the same key."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(folded.replace("_", " ").split())


def folder_claims(name: str) -> Claims:
    """The claims in `photos/train/cat/1.jpg`: Claims("cat", "train"). Empty strings: none made."""
    folders = [part.strip() for part in clean_name(name).split("/")[:-1]]
    if folders and folders[-1].casefold() in SPLIT_FOLDERS:
        return Claims("", SPLIT_FOLDERS[folders[-1].casefold()])
    ancestors = (SPLIT_FOLDERS.get(part.casefold(), "") for part in reversed(folders[:-1]))
    return Claims(folders[-1] if folders else "", next(filter(None, ancestors), ""))
