"""The shape of the checkout: source roots, import direction, what may load what."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import layout

ROOT = Path(__file__).resolve().parents[2]


def python(code: str) -> str:
    """What a fresh interpreter in the checkout prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_standard_library_keeps_its_platform() -> None:
    assert python("import platform; print(platform.system())") == "Linux"


def test_the_layout_has_no_problems() -> None:
    assert list(layout.problems(ROOT)) == []


def test_a_package_named_platform_is_found(tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "__init__.py").touch()
    (tmp_path / "requirements").mkdir()
    shutil.copy(ROOT / "requirements" / "torch.txt", tmp_path / "requirements")
    shutil.copy(ROOT / "package-lock.json", tmp_path)
    assert [problem.partition(" ")[0] for problem in layout.problems(tmp_path)] == [
        "platform/__init__.py"
    ]


def test_imports_point_down() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    command = [lint_imports, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# Everything a request can reach is imported by the URL configuration.
WEB = "import config.wsgi; from django.urls import get_resolver; get_resolver().url_patterns"
# A worker's own processes: torch is for the children that train, pyarrow for who freezes.
WORKER = """
from config.celery import app
import django
django.setup()
app.loader.import_default_modules()
"""


@pytest.mark.parametrize(
    ("start", "banned"),
    [(WEB, {"torch", "pyarrow", "sklearn", "scipy"}), (WORKER, {"torch", "sklearn", "scipy"})],
    ids=["web", "worker"],
)
def test_the_site_starts_without_the_heavy_libraries(start: str, banned: set[str]) -> None:
    loaded = python(f"{start}\nimport json, sys; print(json.dumps(list(sys.modules)))")
    assert not banned & set(json.loads(loaded.splitlines()[-1]))


def test_torch_is_in_no_lock_and_psycopg_3_nowhere() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        pinned = dict(re.findall(r"^([\w.-]+)(==\S+)", lock.read_text(), flags=re.MULTILINE))
        assert not pinned.keys() & {"psycopg", "psycopg-binary", "psycopg-c"}, lock
        assert ("torch" in pinned) == (lock.name == "torch.txt"), lock


def test_locks_are_hashed_and_name_no_index() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text()
        assert "://" not in text, lock
        assert "--index" not in text, lock
        if lock.name != "torch.txt":
            packages = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
            assert all("--hash=sha256:" in package for package in packages), lock
