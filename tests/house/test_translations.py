"""Chinese reaches what is made far from a template: reasons, form problems, borrowed sentences."""

import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.functional import Promise

from apps.datasets import manifest_problems
from apps.datasets.actions.manifest_report import BEFORE
from apps.datasets.receipts import FIXES, SENTENCES
from apps.jobs import problems, reasons

ROOT = Path(__file__).resolve().parents[2]
HAN = re.compile(r"[\u4e00-\u9fff]")


def sentences(table: object) -> list[str]:
    """Every text in a table of texts, however deep."""
    if isinstance(table, dict):
        return [text for value in table.values() for text in sentences(value)]
    return [str(table)] if isinstance(table, str | Promise) else []


@pytest.mark.parametrize(
    "table",
    [SENTENCES, FIXES, manifest_problems.SENTENCES, BEFORE, reasons.SENTENCES, problems.SENTENCES],
)
def test_every_reason_is_spoken_in_chinese(table: object) -> None:
    with translation.override("zh-hans"):
        found = sentences(table)
        assert found
        untranslated = [text for text in found if not HAN.search(translation.gettext(text))]
    assert not untranslated


def test_the_marker_is_one_that_makemessages_knows() -> None:
    """An alias of gettext_noop hides its strings from the catalogue."""
    hidden = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "apps").rglob("*.py")
        if re.search(r"gettext_noop as |gettext as (?!_\b)\w", path.read_text())
    ]
    assert not hidden
