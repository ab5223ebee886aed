"""The reviewer's desk: which decisions may stand, and which of them are votes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from apps.datasets.actions.classing import became_of
from apps.datasets.actions.holding import HELD
from apps.datasets.actions.settling import answered
from apps.datasets.models import Dataset, Hold, Policy, Review, Role, Sample
from apps.datasets.permissions import may

Say = Review.Decision


@dataclass(frozen=True)
class Decision:
    """One reviewer's word on one sample: `accept`, `fix` (with a class), `reject` (a reason), `skip`."""

    sample_id: int
    decision: str
    class_id: int | None = None
    reason: str = ""
    note: str = ""


class Desk:
    """One reviewer in front of some samples: everything that a refusal depends on, read once."""

    def __init__(self, dataset: Dataset, by: Any, keys: Iterable[int]) -> None:
        self.dataset = dataset
        self.by = by
        self.classes = {label.pk: label for label in dataset.classes.current()}
        live = ExpressionWrapper(Q(leased_until__gt=Now()), output_field=BooleanField())
        samples = Sample.objects.filter(dataset=dataset).annotate(lease_live=live)
        self.found: dict[int, Any] = samples.select_related("leased_to").in_bulk(list(keys))
        appealed = [pk for pk, each in self.found.items() if each.hold == Hold.APPEAL]
        mine = Review.objects.filter(sample__in=appealed, by=by, decision=Say.REJECT)
        self._rejected_by_me = set(mine.values_list("sample", flat=True)) if appealed else set()
        voted = [pk for pk, each in self.found.items() if self.is_vote(each)]
        answers = Sample.objects.filter(answered(by, dataset), pk__in=voted)
        self._answered = set(answers.values_list("pk", flat=True)) if voted else set()
        experts = any(each.hold == Hold.EXPERT for each in self.found.values())
        self._expert = experts and may(by, dataset, Role.MAINTAINER)

    def is_vote(self, sample: Sample) -> bool:
        """Whether a decision about it is one voice among several."""
        return self.dataset.policy == Policy.CONSENSUS and sample.hold == Hold.NONE

    def refusal(self, each: Decision) -> dict[str, str] | None:
        """Why this decision cannot stand, or None."""
        sample = self.found.get(each.sample_id)
        if sample is None:
            return no("not_found", _("There is no such sample in this dataset."))
        refusal = self._not_theirs(sample)
        if refusal or each.decision == Say.SKIP:
            return refusal
        return self._not_blind(sample) or self._not_clear(sample, each)

    def _not_a_class(self, key: int | None) -> dict[str, str] | None:
        return None if key in self.classes else not_a_class(self.dataset, key)

    def _not_theirs(self, sample: Any) -> dict[str, str] | None:
        if sample.contributor_id == self.by.pk:
            return no("own_sample", _("Nobody reviews their own contribution."))
        if sample.status != Sample.Status.PENDING:
            text = _("It is %(status)s already.") % {"status": sample.get_status_display()}
            return no("already_decided", text)
        if sample.hold in HELD:
            text = _(
                "It is held back as a look-alike: compare it on the page of look-alikes first."
            )
            return no("held", text)
        if sample.hold == Hold.EXPERT and not self._expert:
            return no("needs_expert", _("People disagree about it, so a maintainer decides."))
        if sample.pk in self._rejected_by_me:
            text = _("You rejected it, and its contributor appealed: another reviewer decides now.")
            return no("rejected_by_you", text)
        if sample.lease_live and sample.leased_to_id != self.by.pk:
            return no("leased_to_other", _leased(sample.leased_to, sample.leased_until))
        return None

    def _not_blind(self, sample: Sample) -> dict[str, str] | None:
        """Whoever has answered may read what others said: a second answer is not independent."""
        if sample.pk not in self._answered:
            return None
        return no("already_answered", _("You have said what it is: undo that first."))

    def _not_clear(self, sample: Sample, each: Decision) -> dict[str, str] | None:
        if each.decision == Say.ACCEPT:
            if self.is_vote(sample):
                text = _("This dataset decides by consensus: say which class it is.")
                return no("needs_class", text)
            text = _("It has no class yet: pick one to fix & accept it.")
            if not sample.label_id:
                return no("needs_class", text)
            return self._not_a_class(sample.label_id)
        if each.decision == Say.FIX:
            return self._not_a_class(each.class_id)
        if each.decision != Say.REJECT or each.reason not in Review.Reason.values:
            return no("needs_reason", _("A rejection needs a reason from the list."))
        if each.reason == Review.Reason.OTHER and not each.note.strip():
            return no("needs_note", _("Say in a note what is wrong with it."))
        return None


def not_a_class(dataset: Dataset, key: Any) -> dict[str, str]:
    """Why the class with this id cannot be given, where it is none of the current ones."""
    gone = dataset.classes.filter(pk=key).first() if isinstance(key, int) else None
    if gone is None:
        return no("unknown_class", _("Pick a class."))
    return no("class_retired", became_of(gone))


def _leased(who: Any, until: datetime) -> str:
    at = time_format(timezone.localtime(until), "TIME_FORMAT")
    return _("%(who)s is deciding about it, until %(at)s at the latest.") % {"who": who, "at": at}


def no(code: str, detail: str) -> dict[str, str]:
    return {"code": code, "detail": detail}
