"""Every module that a process can import is in what that process has installed.

Read from the source, imports within functions included: those fail only where they run.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from scripts import bootstrap, environments
from scripts.environments import ROOT, packages, pip_lines, requirement_files

# Where a module of ours may lie.
SOURCE_ROOTS = (ROOT, ROOT / "platform", ROOT / "scripts")
# What an image's commands start with: Django loads every module of these, sooner or later.
SITE = ("apps", "platform/config", "deploy", "manage.py")
STARTS = {
    "web": SITE,
    "worker": (*SITE, "training"),
    "make run": (*SITE, "training", "scripts/demo.py"),
}


def environment(name: str) -> set[str]:
    if name in environments.IMAGES:
        return packages(requirement_files(pip_lines(name)))
    locks = [lock for lock in bootstrap.LOCKS if lock.stem != "dev"]
    return packages([bootstrap.TORCH, *locks])


def sources(start: str) -> Iterator[Path]:
    path = ROOT / start
    found = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return (each for each in found if "tests" not in each.parts and "bench" not in each.stem)


@cache
def imports(path: Path) -> frozenset[str]:
    """Names of the modules that a file imports anywhere in it; of `from a import b` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def ours(module: str) -> Path | None:
    """The file of one of our own modules."""
    for root in SOURCE_ROOTS:
        path = root.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def closure(starts: tuple[str, ...]) -> dict[str, Path]:
    """Top-level names of foreign modules that can be reached: {name: a file that imports it}."""
    todo = [path for start in starts for path in sources(start)]
    seen, foreign = set(todo), dict[str, Path]()
    while todo:
        path = todo.pop()
        for module in imports(path):
            if (file := ours(module)) is None:
                foreign.setdefault(module.partition(".")[0], path)
            elif file not in seen:
                seen.add(file)
                todo.append(file)
    return {name: path for name, path in foreign.items() if not _at_hand(name)}


def _at_hand(name: str) -> bool:
    """Of the standard library, or ours (of `from a import b`, a.b need not be a module)."""
    folder = any((root / name).is_dir() for root in SOURCE_ROOTS)
    return name in sys.stdlib_module_names or folder or ours(name) is not None


@pytest.mark.parametrize("name", STARTS)
def test_what_a_process_can_import_is_installed_where_it_runs(name: str) -> None:
    installed, providers = environment(name), packages_distributions()
    needed = closure(STARTS[name])
    assert {"django", "celery", "PIL", "numpy", "pdqhash"} <= needed.keys()
    lacking = {
        module: str(path.relative_to(ROOT))
        for module, path in needed.items()
        if not {_spelled(each) for each in providers.get(module, [module])} & installed
    }
    assert not lacking, f"{name} has no package for {lacking}"


def _spelled(distribution: str) -> str:
    """As pip-compile writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_the_lines_are_those_of_the_dockerfile() -> None:
    for image in environments.IMAGES:
        assert pip_lines(image)
        files = requirement_files(pip_lines(image))
        assert len(files) == len(set(files))
    assert set(pip_lines("web")) < set(pip_lines("worker"))
