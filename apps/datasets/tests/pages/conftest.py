"""Browsers for the tests of single pages: a context of its own for each member."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

# How long a step may take on a busy machine; what is asserted is that it happens, not how fast.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, live_server: Any, browser_of: Any) -> Iterator[Visit]:
    """visit(member, path, **context options): a page on which no script fails and no policy is broken.

    `page.said` is what its console complained about; a test that cuts the connection clears it.
    """
    contexts = []

    def open_page(member: Any, path: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        key = browser_of(member).cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        said: list[str] = []
        page.said = said  # type: ignore[attr-defined]
        page.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(live_server.url + path)
        return page

    yield open_page
    pages = [page for context in contexts for page in context.pages]
    complaints = [each for page in pages for each in page.said]  # type: ignore[attr-defined]
    for context in contexts:
        context.close()
    assert complaints == []
