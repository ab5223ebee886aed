"""Blind labelling: who has not said what a sample is does not see what others said.

Under consensus several people say independently what a sample is. While it is open for that, its class,
its folder and file, its labels, decisions and comments are kept from everyone whose own answer does not
stand, with or without the role to give one: a public page can be read without logging in. Its
contributor sees what they claimed themselves. What is settled, or held for one person to decide (people
disagree, an appeal), is open to all.
"""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.utils.translation import gettext as _

from apps.datasets.actions.settling import answered
from apps.datasets.models import Dataset, Hold, Policy, Receipt, Sample
from apps.errors import RuleError

HOLDS = (Hold.NONE, Hold.LOOKALIKE, Hold.BRIDGE)


def is_open(sample: Sample, dataset: Dataset) -> bool:
    """Is it waiting for independent labels, now or after its look-alikes were compared?"""
    waits = sample.status == Sample.Status.PENDING and sample.hold in HOLDS
    return waits and dataset.policy == Policy.CONSENSUS


def without_open(samples: QuerySet[Sample], dataset: Dataset) -> QuerySet[Sample]:
    """What a filter by class or by disagreement may find: anything else would tell of open ones."""
    if dataset.policy != Policy.CONSENSUS:
        return samples
    return samples.exclude(status=Sample.Status.PENDING, hold__in=HOLDS)


def with_answered(samples: QuerySet[Sample], dataset: Dataset, reader: Any) -> QuerySet[Sample]:
    """Samples that are shown one by one: each with `answered`, whether this reader's answer stands."""
    if dataset.policy != Policy.CONSENSUS:
        return samples
    told = answered(reader, dataset) if reader.is_authenticated else Q(Value(value=False))
    return samples.annotate(answered=told)


def hides_answers(sample: Sample, dataset: Dataset, reader: Any) -> bool:
    """Are labels, decisions and comments of others kept from this reader? A query unless annotated."""
    if not is_open(sample, dataset):
        return False
    if not hasattr(sample, "answered"):
        _look_up([sample], dataset, reader)
    return not sample.answered  # type: ignore[attr-defined]


def _look_up(samples: list[Sample], dataset: Dataset, reader: Any) -> None:
    """Set `answered` on samples that came without it: one query for all of them."""
    mine: set[int] = set()
    if samples and reader.is_authenticated:
        found = Sample.objects.filter(
            answered(reader, dataset), pk__in=[each.pk for each in samples]
        )
        mine = set(found.values_list("pk", flat=True))
    for sample in samples:
        sample.answered = sample.pk in mine  # type: ignore[attr-defined]


def hides(sample: Sample, dataset: Dataset, reader: Any) -> bool:
    """Is even what its contributor claimed kept from this reader?"""
    own = sample.contributor_id == reader.pk
    return not own and hides_answers(sample, dataset, reader)


def mask(samples: Iterable[Sample], dataset: Dataset, reader: Any, shown: str = "") -> list[Sample]:
    """The samples with what is hidden taken off, for showing; never save them."""
    listed = list(samples)
    unknown = [each for each in listed if is_open(each, dataset) and not hasattr(each, "answered")]
    _look_up(unknown, dataset, reader)
    for sample in listed:
        if hides(sample, dataset, reader):
            sample.label, sample.claimed_class, sample.disputed = None, shown, False
    return listed


def covered(
    receipts: Iterable[Receipt], dataset: Dataset, reader: Any, shown: str = ""
) -> Iterator[Receipt]:
    """Receipts for showing: to others than its contributor, none says what its file says of an open sample.

    Whether this reader has answered makes no difference: a file's name is of no use to a reviewer.
    """
    for receipt in receipts:
        sample = receipt.sample
        if sample and is_open(sample, dataset) and sample.contributor_id != reader.pk:
            receipt.name = f"…{PurePosixPath(receipt.name).suffix}"
            sample.label, sample.claimed_class = None, shown
        yield receipt


def require_answer(sample: Sample, dataset: Dataset, reader: Any) -> None:
    """Refuse to tell what others said. Raises RuleError("blind", status=403)."""
    if hides_answers(sample, dataset, reader):
        text = _("It is labelled independently. Say what it is first, then read what others said.")
        raise RuleError("blind", text, status=403)
