"""The benchmarks' contract: what a row is, which rows there are, and that each is explained."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from scripts import bench

ROOT = Path(__file__).resolve().parents[2]
ROW: dict[str, Any] = {
    "name": "some_row",
    "value": 0.98765,
    "unit": "ratio",
    "target": "≥ 0.97",
    "met": True,
    "rounds": 3,
    "detail": "against a bare loop",
}


def rows() -> list[str]:
    return [name for module in bench.MODULES for name in importlib.import_module(module).ROWS]


def test_every_row_is_explained_and_every_explanation_has_its_row() -> None:
    table = (ROOT / "docs" / "benchmarks.md").read_text()
    cells = re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE)
    documented = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(documented) == sorted(rows())
    assert len(set(documented)) == len(documented)


def test_a_row_has_the_keys_of_the_contract() -> None:
    assert bench.checked(dict(ROW)) == ROW
    with pytest.raises(ValueError, match="detail"):
        bench.checked({key: value for key, value in ROW.items() if key != "detail"})


@pytest.mark.parametrize(("met", "said"), [(True, "met"), (False, "MISSED")])
def test_a_line_says_whether_the_target_was_met(met: bool, said: str) -> None:
    line = bench.line({**ROW, "met": met})
    assert said in line.split()
    assert "0.9877 ratio" in line


def test_a_row_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ask", lambda module, _row: ["known"] if "jobs" in module else [])
    assert bench.chosen("known") == [("apps.jobs.bench", "known")]
    with pytest.raises(SystemExit, match="no such row: unknown"):
        bench.chosen("unknown")
