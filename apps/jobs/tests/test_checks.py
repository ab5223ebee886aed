"""The site refuses to start where it would accept images that training cannot read."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def test_the_largest_image_that_can_be_trained_on(settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 64_000_000
    call_command("check")
    settings.MAX_IMAGE_PIXELS = 64_000_001
    with pytest.raises(SystemCheckError, match=r"jobs\.E001"):
        call_command("check")
