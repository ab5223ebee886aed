"""Images become samples: read one by one, written down together in a few statements."""

import json
import logging
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.datasets import blobs, staging
from apps.datasets.actions.classing import Claim, Classes
from apps.datasets.actions.matching import Rows
from apps.datasets.actions.placing import Placed, link_newcomers, place_newcomers
from apps.datasets.ingest.folders import Claims, folder_claims
from apps.datasets.ingest.image import CleanImage, clean_image
from apps.datasets.ingest.manifest import Row
from apps.datasets.lookalikes import index_looks
from apps.datasets.models import Annotation, Contribution, Dataset, Receipt, Sample, Scale
from apps.datasets.portions import update_rows
from apps.datasets.tallies import count_new

log = logging.getLogger(__name__)

Outcome = Receipt.Outcome
ATTEMPTS = 3


class Taken(NamedTuple):
    """A receipt whose file was decoded and stored; `image` without its bytes."""

    receipt: Receipt
    image: CleanImage
    size: int  # bytes of the stored blob
    blob: str
    thumbnail: str
    claims: Claims


def read_image(receipt: Receipt) -> Taken:
    """Decode, clean and store one file's image. Raises Refused, or FileNotFoundError."""
    data = staging.path_of(receipt).read_bytes()
    image = clean_image(data, max_pixels=settings.MAX_IMAGE_PIXELS)
    blob = blobs.put(image.data)
    thumbnail = blobs.put(image.thumbnail) if image.thumbnail else blob
    light = image.without_bytes()
    return Taken(receipt, light, len(image.data), blob, thumbnail, folder_claims(receipt.name))


def take_images(taken: list[Taken]) -> None:
    """A sample and a settled receipt for each, duplicates found; all of it in one transaction."""
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                blobs.hold({name for each in taken for name in (each.blob, each.thumbnail)})
                for dataset_id in sorted({each.receipt.contribution.dataset_id for each in taken}):
                    _write(
                        dataset_id,
                        [
                            each
                            for each in taken
                            if each.receipt.contribution.dataset_id == dataset_id
                        ],
                    )
        except IntegrityError:  # another worker took the same pixels: now they will be found
            log.info("ingest lost a race for the same pixels, looking again")
        else:
            return
    raise RuntimeError("ingest could not write its samples; the claim will run out and be retried")


def _write(dataset_id: int, taken: list[Taken]) -> None:
    # One writer at a time per dataset: look-alikes that arrive together must see each other.
    Dataset.objects.select_for_update().get(pk=dataset_id)
    ours = _of_live_batches(_still_claimed(taken))
    twins = _Twins(dataset_id, ours)
    classes = Classes(dataset_id)
    rows = Rows(each.receipt for each in ours)
    fresh: list[tuple[Taken, Sample]] = []
    for each in ours:
        twin, row = twins.of(each), rows.of(each.receipt)
        claim = classes.claimed(row.label or each.claims.label, each.receipt.contribution)
        sample = twin or _sample(each, row, claim)
        _fill(each, sample, None if twin else [*each.image.fixes, *claim.fixes])
        if twin is None:
            _keep_stored(each)
            twins.add(each, sample)
            fresh.append((each, sample))
    placed = place_newcomers(dataset_id, [sample for _each, sample in fresh])
    created = Sample.objects.bulk_create(sample for _each, sample in fresh)
    link_newcomers(placed)
    Annotation.objects.bulk_create(
        Annotation(
            sample=sample,
            label_id=sample.label_id,
            by_id=sample.contributor_id,
            role=Annotation.As.UPLOADER,
        )
        for _each, sample in fresh
        if sample.label_id
    )
    index_looks(created)
    for (each, _new), where in zip(fresh, placed, strict=True):
        _tell(each.receipt, where)
    _settle(each.receipt for each in ours)
    count_new(dataset_id, created)


def _keep_stored(each: Taken) -> None:
    """The eraser may have removed the same bytes, of a withdrawn sample, since they were stored."""
    if not (blobs.exists(each.blob) and blobs.exists(each.thumbnail)):
        read_image(each.receipt)


def _settle(receipts: Iterable[Receipt]) -> None:
    update_rows(
        Receipt,
        ("outcome", "code", "facts", "sample"),
        (
            (each.outcome, each.code, json.dumps(each.facts), each.sample.pk, each.pk)
            for each in receipts
            if each.sample
        ),
    )


def _still_claimed(taken: list[Taken]) -> list[Taken]:
    """Those whose claim is still this worker's, locked until the transaction ends."""
    claims = {each.receipt.pk: each.receipt.claimed_by for each in taken}
    rows = Receipt.objects.waiting().filter(pk__in=claims).select_for_update()
    ours = {pk for pk, claim in rows.values_list("pk", "claimed_by") if claims[pk] == claim}
    return [each for each in taken if each.receipt.pk in ours]


def _of_live_batches(taken: list[Taken]) -> list[Taken]:
    """Without those whose contribution was discarded since they were claimed: they are refused."""
    keys = {each.receipt.contribution_id for each in taken}
    discarded = Contribution.objects.filter(pk__in=keys, status=Contribution.Status.DISCARDED)
    gone = set(discarded.values_list("pk", flat=True))
    for each in taken:
        if each.receipt.contribution_id in gone:
            each.receipt.refuse("discarded", {})
    return [each for each in taken if each.receipt.contribution_id not in gone]


class _Twins:
    """Samples with the same pixels, or the very bytes we store (someone sends back a download)."""

    def __init__(self, dataset_id: int, taken: Iterable[Taken]) -> None:
        pixels = {each.image.content_sha256 for each in taken}
        stored = {each.blob for each in taken} | {each.receipt.source_sha256 for each in taken}
        same = Q(content_sha256__in=pixels) | Q(blob_sha256__in=stored)
        found = Sample.objects.filter(same, dataset_id=dataset_id)
        self._pixels: dict[str, Sample] = {}
        self._blobs: dict[str, Sample] = {}
        for sample in found.exclude(status=Sample.Status.WITHDRAWN):
            self._pixels[sample.content_sha256] = self._blobs[sample.blob_sha256] = sample

    def of(self, each: Taken) -> Sample | None:
        return (
            self._pixels.get(each.image.content_sha256)
            or self._blobs.get(each.blob)
            or self._blobs.get(each.receipt.source_sha256)
        )

    def add(self, each: Taken, sample: Sample) -> None:
        self._pixels[each.image.content_sha256] = self._blobs[each.blob] = sample


def _sample(each: Taken, row: Row, claim: Claim) -> Sample:
    """The manifest's row counts before the folders, those before what the contribution says."""
    contribution = each.receipt.contribution
    return Sample(
        dataset_id=contribution.dataset_id,
        contribution=contribution,
        contributor_id=contribution.member_id,
        label=claim.label,
        claimed_class=claim.unknown,
        blob_sha256=each.blob,
        thumbnail_sha256=each.thumbnail,
        content_sha256=each.image.content_sha256,
        media_type=each.image.media_type,
        width=each.image.width,
        height=each.image.height,
        scale=Scale.of(each.image.width, each.image.height),
        size=each.size,
        source=row.source or contribution.source,
        licence=row.licence or contribution.licence,
        pdq=each.image.pdq,
        group=row.group or each.image.content_sha256[:32],
        declared_split=row.split or each.claims.split,
    )


def _fill(each: Taken, sample: Sample, fixes: list[str] | None) -> None:
    """fixes: what was mended in it; None: its sample is of another file."""
    receipt = each.receipt
    receipt.sample = sample
    if fixes is None:
        receipt.outcome, receipt.code, receipt.facts = Outcome.DUPLICATE, "duplicate", {}
    else:
        receipt.outcome = Outcome.FIXED if fixes else Outcome.ACCEPTED
        receipt.code, receipt.facts = "", {"fixes": fixes}


def _tell(receipt: Receipt, where: Placed) -> None:
    """The receipt of a sample that resembles another says which, and whether it waits for that."""
    if where.like is not None:
        receipt.code = f"held_{where.sample.hold}" if where.sample.hold else "lookalike"
        receipt.facts = receipt.facts | {"lookalike_of": where.like, "distance": where.bits}
