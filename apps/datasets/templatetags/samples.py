"""Template tags about samples."""

from typing import Any

from django import template

from apps.datasets.media import media_url
from apps.datasets.models import Sample

register = template.Library()


@register.simple_tag(takes_context=True)
def sample_url(context: dict[str, Any], sample: Sample, variant: str = "thumbnail") -> str:
    """{% sample_url sample "image" %}: the signed address for whoever looks at the page."""
    return media_url(sample, variant, context["request"].user)
