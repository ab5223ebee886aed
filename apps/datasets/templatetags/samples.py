"""Template tags about samples."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from apps.datasets.media import media_url
from apps.datasets.models import Sample
from apps.datasets.texts import whole

register = template.Library()


@register.simple_tag(takes_context=True)
def sample_url(context: dict[str, Any], sample: Sample, variant: str = "thumbnail") -> str:
    """{% sample_url sample "image" %}: the signed address for whoever looks at the page."""
    return media_url(sample, variant, context["request"].user)


@register.simple_tag
def sample_text(sample: Sample) -> str:
    """{% sample_text sample %}: the whole of a text."""
    return whole(sample)


@register.filter
def age(since: datetime | None) -> str:
    """How long ago, in one unit: “3 days”."""
    if since is None:
        return ""
    if timezone.now() - since < timedelta(minutes=1):
        return _("less than a minute")
    return timesince(since, depth=1)
