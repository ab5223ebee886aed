"""Browsers, people and workers for the walks through the site."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import translation
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.jobs.tests.processes import WorkerProcess, wait_for

# Chinese as the browser asks for it, English as it does.
LOCALES = {"en": "en-GB", "zh-hans": "zh-CN"}
PASSWORD = "a pot full of luck 7"
# How long a step may take on a busy machine; what is asserted is that it happens, not how fast.
PATIENCE = 60_000
# How long workers may take to start, in seconds.
START = 240
expect.set_options(timeout=PATIENCE)


FEWER = """([lease, left]) => document.querySelectorAll(
    `#batch[data-lease='${lease}'] .pick:not(.gone)`).length < left"""


def words(language: str) -> Callable[..., str]:
    """The site's own words for a message, so that a walk reads the translation it clicks."""

    def say(message: str, **values: Any) -> str:
        with translation.override(language):
            return translation.gettext(message) % values if values else translation.gettext(message)

    return say


class Person:
    """One browser of one member, with everything it complained about or asked for."""

    def __init__(self, browser: Browser, site: str, name: str, language: str) -> None:
        self.site = site
        self.name = name
        self.say = words(language)
        self.context: BrowserContext = browser.new_context(
            locale=LOCALES[language], viewport={"width": 1280, "height": 900}, accept_downloads=True
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.outside: set[str] = set()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type == "error":  # a violated policy is one
            self.complaints.append(f"{message.text} at {message.location}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.outside.add(request.url)

    def goto(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.site + path)

    def press(self, message: str, **values: Any) -> None:
        """Click the button with these words."""
        self.page.get_by_role("button", name=self.say(message, **values)).first.click()

    def follow(self, message: str, **values: Any) -> None:
        self.page.get_by_role("link", name=self.say(message, **values)).first.click()

    def fill(self, label: str, value: str) -> None:
        """By the field's label, which may go on behind the words (“(optional)”)."""
        pattern = re.compile(f"^{re.escape(self.say(label))}", re.IGNORECASE)
        self.page.get_by_label(pattern).first.fill(value)

    def choose(self, label: str, option: str) -> None:
        pattern = re.compile(f"^{re.escape(self.say(label))}", re.IGNORECASE)
        self.page.get_by_label(pattern).first.select_option(option)

    def accepts_the_class(self) -> None:
        """At the review desk, by keyboard: what is on the screen, then what moved up, to the end."""
        batch, ready = self.page.locator("#batch"), self.page.locator("#accept:enabled")
        group = batch.get_attribute("data-group")
        here = self.page.locator(f"#batch[data-group='{group}'] .pick:not(.gone)")
        while left := here.count():
            ready.wait_for()
            lease = batch.get_attribute("data-lease")
            self.page.keyboard.press("a")
            # Whatever was not seen long enough by then stays: there are fewer, or it is another batch.
            self.page.wait_for_function(FEWER, arg=[lease, left])
        self.page.wait_for_load_state()

    def accepts_everything(self) -> None:
        """The same for one class after the other: the page brings the next by itself."""
        waiting = self.page.locator("#batch .pick:not(.gone)")
        done = self.page.get_by_text(self.say("Everything is reviewed"))
        while not done.count():
            waiting.or_(done).first.wait_for()
            if waiting.count():
                self.accepts_the_class()

    def sees(self, text: str | re.Pattern[str], *, patience: int = PATIENCE) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=patience)

    def sign_up(self) -> None:
        self.goto("/")
        self.follow("Sign up")
        for field, value in (
            ("username", self.name),
            ("email", f"{self.name}@example.org"),
            ("password1", PASSWORD),
            ("password2", PASSWORD),
        ):
            self.page.fill(f"[name={field}]", value)
        self.page.locator("main").get_by_role("button", name=self.say("Sign up")).click()
        self.sees(self.name)


@pytest.fixture
def people(browser: Browser, live_server: Any) -> Iterator[Callable[[str], SimpleNamespace]]:
    """people("en"): four members with a browser each; at the end nobody may have complained."""
    everybody: list[Person] = []

    def of(language: str) -> SimpleNamespace:
        names = ("ada", "ben", "chen", "dana")
        cast = [Person(browser, live_server.url, name, language) for name in names]
        everybody.extend(cast)
        return SimpleNamespace(**dict(zip(names, cast, strict=True)))

    yield of
    for person in everybody:
        person.context.close()
    assert not [each for person in everybody for each in person.complaints]
    assert not [each for person in everybody for each in person.outside]


@pytest.fixture
def workers(tmp_path: Path, transactional_db: None) -> Iterator[list[WorkerProcess]]:
    """A real ingest worker and a real training worker on the test's own database and files."""
    cache.clear()  # a ring of the test before must not silence this one's
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "JOB_THREADS": "2"}
    env.pop("OMP_NUM_THREADS", None)
    started = [
        WorkerProcess(env, tmp_path / f"{queue}.log", queue=queue) for queue in ("data", "train")
    ]
    # Celery, Django and torch load side by side: on a busy machine that takes longer than any step of
    # a walk may, and is none.
    wait_for(lambda: all(each.ready() for each in started), START, lambda: started[0].output())
    yield started
    for worker in started:
        worker.kill()
