"""A file of texts becomes a receipt and a sample per text, in portions, repeatable after a crash."""

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from apps.datasets import blobs, staging
from apps.datasets.actions.classing import Claim, Classes
from apps.datasets.ingest.folders import folder_claims
from apps.datasets.ingest.refusal import Refused
from apps.datasets.ingest.text import CleanText, Entry, clean_text, read_entries
from apps.datasets.models import Annotation, Contribution, Dataset, Licence, Receipt, Sample
from apps.datasets.tallies import count_new

PORTION = 500
Outcome = Receipt.Outcome


class Read(NamedTuple):
    """A text of the file with its receipt; no `clean` where it was refused."""

    entry: Entry
    receipt: Receipt
    clean: CleanText | None


def take_texts(receipt: Receipt) -> None:
    """Read the texts of one file. Raises Refused where the file as a whole cannot be read.

    Everything is read before anything is written: a file that ends in an unreadable row adds
    nothing.
    """
    data = staging.path_of(receipt).read_bytes()
    entries = list(read_entries(data, receipt.name, most=settings.MAX_TEXT_ROWS))
    rows = iter(entries)
    while portion := list(islice(rows, PORTION)):
        _take(receipt, portion)
        receipt.renew_claim()
    receipt.settle(Outcome.UNPACKED, facts={"files": len(entries)})


def _take(parent: Receipt, portion: list[Entry]) -> None:
    read = [_read(parent, entry) for entry in portion]
    with transaction.atomic():
        blobs.hold(blobs.sha256_of(each.clean.data) for each in read if each.clean)
        dataset = Dataset.objects.select_for_update().get(pk=parent.contribution.dataset_id)
        _require_live_batch(parent)
        fresh = _not_taken(parent, read)
        kept = [each for each in fresh if each.clean]
        known = _known(dataset, kept)
        classes, folder = Classes(dataset.pk), folder_claims(parent.name)
        samples: list[Sample] = []
        for each in kept:
            assert each.clean is not None
            twin = known.get(each.clean.content_sha256)
            if twin is None:
                claim = classes.claimed(each.entry.label or folder.label, parent.contribution)
                twin = _sample(parent, each, claim, each.entry.split or folder.split)
                samples.append(twin)
                known[each.clean.content_sha256] = twin
                fixes = [*each.clean.fixes, *claim.fixes]
                each.receipt.outcome = Outcome.FIXED if fixes else Outcome.ACCEPTED
                each.receipt.facts = {"fixes": fixes}
            else:
                each.receipt.outcome, each.receipt.code = Outcome.DUPLICATE, "duplicate"
            each.receipt.sample = twin
        _write(dataset, samples, fresh)


def _require_live_batch(parent: Receipt) -> None:
    """Refuse what was discarded since the file was claimed. To be asked under the dataset's lock."""
    discarded = Contribution.Status.DISCARDED
    if Contribution.objects.filter(pk=parent.contribution_id, status=discarded).exists():
        raise Refused("discarded")


def _read(parent: Receipt, entry: Entry) -> Read:
    data = entry.text.encode()
    receipt = Receipt(
        contribution=parent.contribution,
        parent=parent,
        name=f"{parent.name}:{entry.line}"[-1000:],
        size=len(data),
        source_sha256=hashlib.sha256(data).hexdigest(),
    )
    try:
        _check_licence(entry)
        return Read(entry, receipt, clean_text(entry.text, most=settings.MAX_TEXT_CHARS))
    except Refused as refusal:
        receipt.outcome, receipt.code = Outcome.REFUSED, refusal.code
        receipt.facts = refusal.facts
        return Read(entry, receipt, None)


def _check_licence(entry: Entry) -> None:
    if entry.licence and not Licence.spelled(entry.licence):
        known = ", ".join(Licence.values)
        raise Refused("unknown_licence", found=entry.licence[:60], known=known)


def _not_taken(parent: Receipt, read: Iterable[Read]) -> list[Read]:
    """Without those that an earlier, interrupted attempt has written; none once the claim is lost."""
    if not Receipt.objects.waiting().filter(pk=parent.pk, claimed_by=parent.claimed_by).exists():
        return []
    every = {(each.receipt.name, each.receipt.source_sha256): each for each in read}
    names = [name for name, _sha256 in every]
    there = Receipt.objects.filter(contribution=parent.contribution, name__in=names)
    for key in there.values_list("name", "source_sha256"):
        every.pop(key, None)
    return list(every.values())


def _known(dataset: Dataset, read: Iterable[Read]) -> dict[str, Sample]:
    hashes = [each.clean.content_sha256 for each in read if each.clean]
    found = Sample.objects.filter(dataset=dataset, content_sha256__in=hashes)
    live = found.exclude(status=Sample.Status.WITHDRAWN)
    return {sample.content_sha256: sample for sample in live}


def _sample(parent: Receipt, each: Read, claim: Claim, split: str) -> Sample:
    clean = each.clean
    assert clean is not None
    contribution = parent.contribution
    return Sample(
        dataset_id=contribution.dataset_id,
        contribution=contribution,
        contributor_id=contribution.member_id,
        label=claim.label,
        claimed_class=claim.unknown,
        blob_sha256=blobs.put(clean.data),
        content_sha256=clean.content_sha256,
        media_type="text/plain",
        size=len(clean.data),
        excerpt=clean.excerpt,
        source=each.entry.source or contribution.source,
        licence=Licence.spelled(each.entry.licence) or contribution.licence,
        group=each.entry.group or clean.content_sha256[:32],
        declared_split=split,
    )


def _write(dataset: Dataset, samples: list[Sample], read: Iterable[Read]) -> None:
    created = Sample.objects.bulk_create(samples)
    role = Annotation.As.UPLOADER
    Annotation.objects.bulk_create(
        Annotation(sample=each, label_id=each.label_id, by_id=each.contributor_id, role=role)
        for each in created
        if each.label_id
    )
    Receipt.objects.bulk_create(each.receipt for each in read)
    count_new(dataset.pk, created)
