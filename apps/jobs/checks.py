"""Settings that contradict what training takes, found at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from training.config import MOST_PIXELS


@register()
def images_can_be_trained_on(**_options: Any) -> list[Error]:
    """What ingest accepts, training must be able to read: it would fail after the version is frozen."""
    if settings.MAX_IMAGE_PIXELS <= MOST_PIXELS:
        return []
    return [
        Error(
            f"MAX_IMAGE_PIXELS is {settings.MAX_IMAGE_PIXELS}: training reads at most {MOST_PIXELS}.",
            hint=f"Set MAX_IMAGE_PIXELS to {MOST_PIXELS} or less.",
            id="jobs.E001",
        )
    ]
