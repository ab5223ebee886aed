"""Named, documented configurations: ``python -m training recipes`` lists them.

Each is a JSON file: ``title`` and ``about`` say what it is for and what it reached where, ``config`` is a
:class:`training.config.JobConfig`, of which only what differs from the defaults is written down.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from training.config import JobConfig

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """A configuration with a name and a reason."""

    name: str
    title: str
    about: str
    config: JobConfig


def names() -> list[str]:
    """All recipes, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> Recipe:
    """The recipe of this name. Raises ``KeyError`` where there is none."""
    if name not in names():
        raise KeyError(name)
    found = json.loads((FOLDER / f"{name}.json").read_text())
    config = JobConfig.model_validate_json(json.dumps(found["config"]))
    return Recipe(name, found["title"], found["about"], config)
