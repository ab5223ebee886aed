"""Every page of the site in a real browser: axe finds nothing, nothing overflows, nothing complains.

The pages come from the access table, so a new one is looked at without being named here. With
SCREENSHOTS=folder each is also saved as a picture, in every combination.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse
from playwright.sync_api import Browser, Page

from tests.browser.furnished import furnish
from tests.test_access import ROUTES

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = Path(settings.ROOT, "node_modules", "axe-core", "axe.min.js")
WIDTHS = {"desktop": 1280, "phone": 390}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
EVERY = list(product(LOCALES, ("light", "dark"), WIDTHS))
# Two that differ in everything find what the other six would.
COMBINATIONS = EVERY if "SCREENSHOTS" in os.environ else [EVERY[0], EVERY[-1]]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Swagger's own page has faults of its own; what is ours of it is in other pages, too.
NOT_OURS = {"api_docs"}


@pytest.fixture
def place(cast: Any, transactional_db: None) -> SimpleNamespace:
    return furnish(cast)


def addresses(place: SimpleNamespace) -> Iterator[tuple[str, str]]:
    """(name, path) of every page; fragments and downloads are found by what they answer."""
    for name, (method, _least) in ROUTES.items():
        if method != "get" or name.startswith("api_") or name in NOT_OURS | {"media"}:
            continue
        wanted = get_resolver().reverse_dict.getlist(name)[0][0][0][1]
        yield name, reverse(name, kwargs={key: place.value(name, key) for key in wanted})
    yield from place.more_pages.items()


def is_page(client: Client, path: str) -> bool:
    answer = client.get(path)
    whole = not answer.streaming and b"<main" in answer.content
    answer.close()
    return answer.status_code == 200 and whole


@pytest.mark.parametrize(("language", "theme", "width"), COMBINATIONS)
def test_every_page(
    browser: Browser,
    live_server: Any,
    browser_of: Any,
    place: SimpleNamespace,
    language: str,
    theme: str,
    width: str,
) -> None:
    client = browser_of(place.cast.ada)
    pages = [(name, path) for name, path in addresses(place) if is_page(client, path)]
    assert len(pages) > 20
    context = browser.new_context(
        locale=LOCALES[language],
        color_scheme=theme,  # type: ignore[arg-type]
        viewport={"width": WIDTHS[width], "height": 900},
    )
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    wrong = []
    for name, path in pages:
        page.goto(live_server.url + path)
        wrong += [f"{name}: {fault}" for fault in faults(page)]
        wrong += [f"{name}: {each}" for each in complaints]
        complaints.clear()
        if folder := os.environ.get("SCREENSHOTS"):
            file = Path(folder) / f"{name}-{language}-{theme}-{width}.png"
            page.screenshot(path=file, full_page=True)
    context.close()
    assert not wrong, "\n".join(wrong)


def faults(page: Page) -> Iterator[str]:
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if over > 1:
        yield f"{over} pixels wider than the window"
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    for violation in found["violations"]:
        where = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
        yield f"{violation['id']} ({violation['help']}) at {where}"
