"""Signed addresses for images: bound to a member and an hour, and checked again when served."""

import time
from typing import Any

from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.datasets.models import Sample
from apps.errors import RuleError

# An address is good for one to two of these; all pages of an hour share it, so browsers cache it.
PERIOD_SECONDS = 3600
VARIANTS = {"image": "blob_sha256", "thumbnail": "thumbnail_sha256"}

signer = Signer(salt="potluck.media")


def media_url(sample: Sample, variant: str, user: Any) -> str:
    """The address under which this user may fetch the sample's `image` or `thumbnail`."""
    expires = (int(time.time()) // PERIOD_SECONDS + 2) * PERIOD_SECONDS
    token = signer.sign(f"{sample.pk}.{variant}.{user.pk or 0}.{expires}")
    return reverse("media", args=[token])


def read_token(token: str, user: Any) -> tuple[int, str]:
    """(sample id, variant) of a valid token of this user.

    Raises RuleError("media_link", status=403) when it was forged, has expired, or is another's.
    """
    try:
        sample, variant, member, expires = signer.unsign(token).split(".")
    except (BadSignature, ValueError):
        raise _refusal() from None
    if int(member) != (user.pk or 0) or int(expires) < time.time() or variant not in VARIANTS:
        raise _refusal()
    return int(sample), variant


def _refusal() -> RuleError:
    text = _("This image address is not valid (any more). Reload the page that showed it.")
    return RuleError("media_link", text, status=403)
