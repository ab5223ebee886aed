"""What each image and `make run` have installed, read from the files that decide it.

The Dockerfile says what an image gets, scripts/bootstrap.py what a checkout gets besides what only
tests and checks need. Nothing here knows a package by name.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ("web", "worker")


class Stage(NamedTuple):
    """One FROM of the Dockerfile, its continued lines joined."""

    base: str
    lines: list[str]


def stages(dockerfile: str) -> dict[str, Stage]:
    """By name, in order."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {
        parts[i + 1]: Stage(parts[i], [line for line in parts[i + 2].splitlines() if line.strip()])
        for i in range(0, len(parts), 3)
    }


def pip_lines(image: str) -> list[str]:
    """The arguments of each `pip install` that leads to the image's /opt/venv, in order."""
    every = stages((ROOT / "Dockerfile").read_text())
    (copied,) = [line for line in every[image].lines if line.endswith("/opt/venv /opt/venv")]
    name: str | None = copied.split()[1].removeprefix("--from=")
    found: list[str] = []
    while name in every:
        runs = [line for line in every[name].lines if line.startswith("RUN ")]
        commands = [part.strip() for line in runs for part in line[4:].split("&&")]
        found = [each[4:] for each in commands if each.startswith("pip install ")] + found
        name = every[name].base
    return found


def requirement_files(pip_lines: list[str]) -> list[Path]:
    return [ROOT / name for line in pip_lines for name in re.findall(r"-r (\S+)", line)]


def packages(files: list[Path]) -> set[str]:
    """The names that requirement files pin, as the index spells them."""
    text = "\n".join(file.read_text() for file in files)
    return set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE))
