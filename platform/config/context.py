"""What every page needs to know about the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "signup_open": settings.SIGNUP_OPEN,
        "mail_goes_to_files": settings.MAIL_GOES_TO_FILES,
        "languages": settings.LANGUAGES,
    }
