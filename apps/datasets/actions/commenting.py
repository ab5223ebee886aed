"""Comments: what members say about a sample, append-only, beside its history."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import seals
from apps.datasets.models import Comment, Role, Sample
from apps.datasets.permissions import require
from apps.errors import RuleError, invalid

MAX_COMMENT = 2000
# So many in a minute: more is a script, and the page is read by people.
PER_MINUTE = 10


def comment_on(sample: Sample, by: Any, text: str) -> Comment:
    """Say something about a sample. Any member of the dataset may."""
    require(by, sample.dataset, Role.CONTRIBUTOR)
    seals.require_open(sample)
    text = text.strip().replace("\r\n", "\n")  # a form sends two characters for a line break
    if not text or len(text) > MAX_COMMENT:
        told = _("Write between 1 and %(limit)s characters.") % {"limit": MAX_COMMENT}
        raise invalid("comment_text", told, field="text")
    recent = Comment.objects.filter(by=by, at__gt=Now() - timedelta(minutes=1))
    if recent.count() >= PER_MINUTE:
        told = _("That were many comments in a minute. Wait a little.")
        raise RuleError("too_many_comments", told, status=429)
    return Comment.objects.create(sample=sample, by=by, text=text)
