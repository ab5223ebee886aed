"""What a receipt says to a person: one sentence why, and the next step."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets import seals
from apps.datasets.manifest_problems import sentence_in
from apps.datasets.models import Receipt

SENTENCES = {
    "empty_file": gettext_lazy("The file is empty. Export it again and send it once more."),
    "not_an_image": gettext_lazy(
        "This is not an image, whatever its name says. JPEG, PNG and WebP are accepted."
    ),
    "unsupported_format": gettext_lazy(
        "This is a %(found)s file. Convert it to JPEG, PNG or WebP and send it again."
    ),
    "unreadable": gettext_lazy(
        "The image is damaged and cannot be decoded. Take it from the original again."
    ),
    "truncated": gettext_lazy(
        "The image ends too early: part of it is missing. Copy it from the original again."
    ),
    "too_many_pixels": gettext_lazy(
        "The image has more than %(limit)s pixels. Scale it down and send it again."
    ),
    "too_small": gettext_lazy(
        "The image is only %(width)s×%(height)s pixels: nothing to see on it."
    ),
    "animated": gettext_lazy("The file is an animation of %(frames)s frames. Send single images."),
    "file_too_large": gettext_lazy(
        "The file is larger than the limit of %(size)s. Scale it down and send it again."
    ),
    "duplicate": gettext_lazy("The same picture is already in this dataset."),
    "bad_archive": gettext_lazy(
        "The archive is damaged, or is neither zip nor tar. Pack it again."
    ),
    "archive_too_many_files": gettext_lazy(
        "The archive holds %(found)s files; the limit is %(limit)s. Split it."
    ),
    "archive_too_large": gettext_lazy("Unpacked, the archive would exceed %(size)s. Split it."),
    "quota_full": gettext_lazy(
        "Unpacked, the archive needs more than the %(size)s that its sender may still store. Withdraw "
        "what is not needed, or ask an operator for more room; then send it again."
    ),
    "unsafe_name": gettext_lazy(
        "The name points outside the archive, so it was left out. Pack it with plain folders."
    ),
    "link": gettext_lazy("The entry is a link, not a file. Pack the file itself."),
    "encrypted": gettext_lazy("The entry is encrypted. Pack it without a password."),
    "bomb": gettext_lazy(
        "The entry unpacks to more than %(limit)s times its size: it was refused unread."
    ),
    "nested_archive": gettext_lazy(
        "An archive inside an archive is not opened. Unpack it and send its files."
    ),
    "damaged_entry": gettext_lazy("This entry of the archive is damaged. Pack it again."),
    "crashed_ingest": gettext_lazy(
        "Reading this file broke our worker three times, so it was left out. Tell the operator; "
        "sent again, it is tried again."
    ),
    "lookalike": gettext_lazy(
        "It looks like image %(lookalike_of)s, so both stay in the same split."
    ),
    "held_lookalike": gettext_lazy(
        "It looks like image %(lookalike_of)s of the test split. A reviewer compares the two before "
        "it can be used."
    ),
    "held_bridge": gettext_lazy(
        "It looks like images of two different splits, image %(lookalike_of)s among them. A reviewer "
        "compares them before it can be used."
    ),
    "not_utf8": gettext_lazy(
        "This is no text in UTF-8. Save it as UTF-8 (a table as “CSV UTF-8”) and send it again."
    ),
    "no_text_column": gettext_lazy(
        "No column of the table holds the text. Name it one of: %(columns)s; then send it again."
    ),
    "bad_table": gettext_lazy("Line %(line)s cannot be read. Mend it and send the file again."),
    "too_many_rows": gettext_lazy("The file has more than %(limit)s texts. Split it."),
    "empty_text": gettext_lazy("There is nothing in this text. Leave it out."),
    "text_too_long": gettext_lazy(
        "The text has %(found)s characters; the limit is %(limit)s. Cut it into parts."
    ),
    "manifest_used": gettext_lazy("It was used as the manifest of this archive (rows: %(rows)s)."),
    "manifest_not_used": gettext_lazy(
        "It was not used as the manifest. Line %(line)s: %(problem)s Mend it, and send it as the "
        "manifest on the contribution's page."
    ),
    "second_manifest": gettext_lazy(
        "The manifest “%(found)s” of the same archive was used. Put all rows into one."
    ),
    "unknown_licence": gettext_lazy(
        "The licence “%(found)s” is not known here. Write one of: %(known)s; then send the file again."
    ),
    "discarded": gettext_lazy("The contribution was discarded before this file was read."),
    "lost_upload": gettext_lazy("The file was lost before it was read. Send it again."),
}
FIXES = {
    "oriented": gettext_lazy("turned upright"),
    "metadata_removed": gettext_lazy("camera data and location removed"),
    "colour_profile_removed": gettext_lazy("colour profile removed"),
    "previews_removed": gettext_lazy("embedded previews removed"),
    "unseen_removed": gettext_lazy("invisible characters removed"),
    "converted": gettext_lazy("colours converted"),
    "stored_as_png": gettext_lazy("stored as PNG"),
    "class_too_long": gettext_lazy("no class taken from a name of more than 80 characters"),
}


def sentence(receipt: Receipt) -> str:
    """Why this outcome, in the reader's language; empty for a plain acceptance."""
    outcomes = Receipt.Outcome
    if receipt.outcome == outcomes.FIXED:
        fixes = receipt.facts.get("fixes", [])
        fixed = str(_(", ")).join(str(FIXES[fix]) for fix in fixes)
        return " · ".join(filter(None, (fixed, _why(receipt))))
    if receipt.outcome == outcomes.UNPACKED and not receipt.code:
        return _("%(count)s files found inside.") % {"count": receipt.facts.get("files", 0)}
    return _why(receipt)


def _why(receipt: Receipt) -> str:
    if receipt.code not in SENTENCES:
        return ""
    return str(SENTENCES[receipt.code]) % _facts(receipt.facts)


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    limit = facts.get("limit", 0)
    return {
        "lookalike_of": "",
        "columns": "",
        "line": "",
        "found": "",
        "width": "",
        "height": "",
        "frames": "",
        "known": "",
        "rows": "",
        "limit": limit,
    } | {
        **facts,
        "size": filesizeformat(limit),
        "problem": sentence_in(facts),
    }


RECEIPT_COLUMNS = ["file", "bytes", "sha256", "outcome", "code", "reason", "sample", "class"]


def receipt_rows(receipts: Iterable[Receipt], is_closed: bool) -> Iterator[list[Any]]:
    """A row of RECEIPT_COLUMNS for each receipt: what a contributor keeps or hands on."""
    for each in receipts:
        seals.cover(each, is_closed)
        label = each.sample.label if each.sample else None
        yield [
            each.name,
            each.size,
            each.source_sha256,
            each.outcome,
            each.code,
            sentence(each),
            each.sample_id or "",
            label.name if label else "",
        ]
