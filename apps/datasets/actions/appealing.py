"""Appeal: a contributor asks for a second look at a rejection, once."""

import uuid
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.datasets.actions.changing import change_samples
from apps.datasets.actions.holding import holds_of_verdicts
from apps.datasets.models import Hold, Review, Sample
from apps.errors import RuleError, forbidden, invalid


def appeal_rejection(sample: Sample, by: Any, note: str) -> None:
    """rejected → pending, in the queue of appeals: anybody but who rejected it decides then.

    What was rejected as a look-alike waits for another comparison instead: only there one sees both.
    """
    if sample.contributor_id != by.pk:
        raise forbidden("not_yours", _("Only its contributor can appeal a rejection."))
    note = note.strip()[:500]
    if not note:
        text = _("Say why the rejection is wrong: another reviewer reads it.")
        raise invalid("reason_required", text, field="note")
    if sample.status != Sample.Status.REJECTED:
        text = _("It is %(status)s: only a rejection can be appealed.")
        raise RuleError("not_rejected", text % {"status": sample.get_status_display()})
    if sample.reviews.filter(decision=Review.Decision.APPEAL).exists():
        text = _("Its rejection was appealed once, and a second reviewer decided. That stands.")
        raise RuleError("already_appealed", text)
    with transaction.atomic():
        last = sample.reviews.filter(decision=Review.Decision.REJECT).order_by("-pk")[:1]
        hold = holds_of_verdicts(last).get(sample.pk, Hold.APPEAL)
        if not change_samples([sample], to=Sample.Status.PENDING, by=by, why="appeal", hold=hold):
            raise RuleError("lost_race", _("Somebody changed it at this moment. Reload the page."))
        Review.objects.create(
            sample=sample,
            by=by,
            decision=Review.Decision.APPEAL,
            label_id=sample.label_id,
            label_before_id=sample.label_id,
            note=note,
            batch=uuid.uuid4(),
        )
