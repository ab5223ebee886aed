"""Sealed test labels: a version says only salted hashes of them until its owner unseals.

`hides` is the one question that everything which shows a class has to ask. A seal is
sha256(salt ‖ sample ‖ label), all as UTF-8 text, where salt = HMAC-SHA256(seal key, sample) in hex:
a salt of its own for each sample, or the few classes could simply be tried.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from apps.datasets.models import Dataset, Receipt, Sample, Split, Version, VersionSpan
from apps.errors import RuleError

MARK = "sealed:"  # stands before the hash where the digest's line has the label otherwise


def salt_of(key: str, sample: str) -> str:
    return hmac.new(key.encode(), sample.encode(), hashlib.sha256).hexdigest()


def seal(key: str, sample: str, label: str) -> str:
    return hashlib.sha256(f"{salt_of(key, sample)}{sample}{label}".encode()).hexdigest()


def sealed_versions(dataset: Dataset) -> QuerySet[Version]:
    """Versions whose test labels nobody may see now."""
    found: QuerySet[Version] = Version.objects.filter(dataset=dataset, sealed=True)
    return found.none() if dataset.unsealed_at else found


def is_sealed(version: Version) -> bool:
    return version.sealed and version.dataset.unsealed_at is None


def closed(dataset: Dataset) -> bool:
    """Has the dataset test labels that are hidden now? One cheap query, once for a page."""
    return sealed_versions(dataset).exclude(status=Version.Status.FAILED).exists()


def hides(sample: Sample, is_closed: bool | None = None) -> bool:
    """Is this sample's class kept from everyone? Pass `closed(dataset)` for many at once."""
    if sample.split != Split.TEST:
        return False
    return closed(sample.dataset) if is_closed is None else is_closed


def require_open(sample: Sample) -> None:
    """For what people say about a sample: it may name the class. Raises RuleError("sealed")."""
    if hides(sample):
        text = _("Its label is sealed, and what is said about it might tell it.")
        raise RuleError("sealed", text)


def without_hidden(samples: QuerySet[Sample], dataset: Dataset) -> QuerySet[Sample]:
    """What a filter by class may find: anything else would name the class of a sealed sample."""
    return samples.exclude(split=Split.TEST) if closed(dataset) else samples


def counts_of(version: Version) -> dict[str, dict[str, int | None]]:
    """{class: {split: samples}} for showing; None for what is sealed.

    A version that adds one test sample would tell its class by what it adds to these counts.
    """
    hidden = is_sealed(version)
    return {
        name: {
            split: None if hidden and split == Split.TEST else per_split.get(split, 0)
            for split in Split.values
        }
        for name, per_split in version.counts.items()
    }


def hidden_by_class(dataset: Dataset) -> dict[int, Counter[str]]:
    """{class id: {status: number}} of sealed samples, to be taken off what is shown by class: else one
    that is withdrawn would tell its class. Counts the test split; nothing where nothing is sealed."""
    found: dict[int, Counter[str]] = {}
    if closed(dataset):
        test = Sample.objects.filter(dataset=dataset, split=Split.TEST).order_by()
        for label, status, n in test.values_list("label", "status").annotate(n=Count("pk")):
            found.setdefault(label or 0, Counter())[status] = n
    return found


def check_change(dataset: Dataset, seals_test: bool) -> None:
    """Sealing begins before anything was published, and ends by unsealing only."""
    if seals_test == dataset.seals_test:
        return
    frozen = Version.objects.filter(dataset=dataset).exclude(digest="")
    if seals_test and (dataset.unsealed_at or frozen.filter(sealed=False).exists()):
        text = _("Its test labels are published already: seal them before the first version.")
        raise RuleError("seals_late", text, field="seals_test")
    if not seals_test and sealed_versions(dataset).exists():
        text = _("A version has sealed test labels. Unseal them on its page instead.")
        raise RuleError("sealed", text, field="seals_test")


def test_labels(version: Version) -> dict[str, str]:
    """{sample sha256: class} of the test split, from our own rows. For scoring, never for showing."""
    names = {item["id"]: item["name"] for item in version.classes}
    spans = VersionSpan.objects.of(version).filter(split=Split.TEST)
    rows = spans.values_list("sample__blob_sha256", "label_id").iterator(5000)
    return {sample: names[label] for sample, label in rows}


def mask(samples: Iterable[Sample], dataset: Dataset, shown: str = "") -> list[Sample]:
    """The samples with the class of sealed ones taken off, for showing; never save them."""
    listed, is_closed = list(samples), closed(dataset)
    for sample in listed:
        if hides(sample, is_closed):
            sample.label, sample.claimed_class, sample.disputed = None, shown, False
    return listed


def cover(receipt: Receipt, is_closed: bool, shown: str = "") -> None:
    """Take off a receipt, for showing, what gives its sealed sample's class away: folders name it."""
    sample = receipt.sample
    if sample and hides(sample, is_closed):
        receipt.name = receipt.name.rpartition("/")[2]
        sample.label, sample.claimed_class = None, shown


def opened(version: Version) -> Iterator[tuple[str, str, str]]:
    """(sample, label, salt) of each sealed row: what opens its seal. Only once unsealed."""
    key = version.dataset.seal_key
    for sample, label in sorted(test_labels(version).items()):
        yield sample, label, salt_of(key, sample)
