"""Facts about the checkout that no linter looks at. Prints what is wrong; exit status 1 if anything.

Outside pytest on purpose: with platform/__init__.py present pytest itself would not start.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def problems(root: Path) -> Iterator[str]:
    if (root / "platform" / "__init__.py").exists():
        yield "platform/__init__.py exists: it shadows the standard library's platform; remove it"
    for stray in sorted((root / "platform").glob("*.py")):
        if stray.name != "__init__.py":
            yield f"platform/{stray.name}: Python under platform/ belongs into platform/config/"
    for name in ("utils", "common", "helpers", "core"):
        for room in ("apps", "training", "platform/config"):
            for found in sorted((root / room).rglob(f"{name}.py")):
                yield f"{found.relative_to(root)}: name it after what it does"
    if "registry" in (lock := (root / "package-lock.json").read_text()) or "resolved" in lock:
        yield "package-lock.json names a registry; write it with scripts/lock.sh"
    if (root / "requirements" / "torch.txt").read_text() != "torch==2.13.0\n":
        yield "requirements/torch.txt must hold torch==2.13.0 alone: locks and docs rely on it"


def main() -> int:
    found = list(problems(ROOT))
    for problem in found:
        print(f"layout: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
