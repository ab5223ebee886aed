"""Translations: `write` collects strings and compiles; `check` says whether that was done.

`check` works on a copy of the checkout, so it changes nothing. It compares what makemessages would
write with what is committed (dates aside), refuses untranslated and fuzzy entries, and compares each
.mo with its .po: the .mo files are committed because the people who run the site need no gettext.
"""

import argparse
import gettext
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALE = "zh_Hans"
DOMAINS = ("django", "djangojs")
# File names without line numbers: moving code does not touch the catalogue.
COLLECT = ("--locale", LOCALE, "--add-location", "file", "--no-wrap", "--no-obsolete")
IGNORE = ("node_modules", "var", ".venv", "tests", "scripts")


def manage(root: Path, *arguments: str) -> None:
    path = os.pathsep.join((str(root), str(root / "platform")))
    command = [sys.executable, str(root / "manage.py"), *arguments, "--verbosity", "0"]
    # Collecting strings needs settings, but neither a database nor a real key.
    scratch = {"SECRET_KEY": "only-for-translations", "ALLOW_SQLITE": "1", "PYTHONPATH": path}
    subprocess.run(command, cwd=root, env={**os.environ, **scratch}, check=True)


def collect(root: Path) -> None:
    ignored = [word for name in IGNORE for word in ("--ignore", name)]
    for domain in DOMAINS:
        manage(root, "makemessages", "--domain", domain, *COLLECT, *ignored)


def catalogues(root: Path) -> list[Path]:
    found = (root / "locale").glob(f"{LOCALE}/LC_MESSAGES/*.po")
    return sorted(path.relative_to(root) for path in found)


def copy_checkout(to: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def dateless(text: str) -> str:
    return re.sub(r'^"POT-Creation-Date: .*\n', "", text, flags=re.MULTILINE)


def entries(catalogue: Path, *selection: str) -> list[str]:
    """The msgids of a catalogue that msgattrib selects."""
    command = ["msgattrib", "--no-obsolete", "--no-wrap", *selection, str(catalogue)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    quoted = re.findall(r'^msgid ((?:".*"\n)+)', text, flags=re.MULTILINE)
    # The header is the entry with an empty msgid.
    return [msgid for msgid in ("".join(re.findall('"(.*)"', part)) for part in quoted) if msgid]


def compiled(catalogue: Path) -> dict[object, str]:
    with tempfile.NamedTemporaryFile(suffix=".mo") as target:
        subprocess.run(["msgfmt", "--check", "-o", target.name, str(catalogue)], check=True)
        return messages(Path(target.name))


def messages(mo: Path) -> dict[object, str]:
    """Everything in a .mo but its header, which holds the date."""
    with mo.open("rb") as file:
        # The only way to read a whole catalogue; there since gettext is in Python.
        catalogue: dict[object, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key: value for key, value in catalogue.items() if key != ""}


def problems(fresh: Path) -> Iterator[str]:
    """What differs between the checkout and a copy of it where makemessages has just run."""
    for catalogue in sorted({*catalogues(ROOT), *catalogues(fresh)}):
        committed, collected = ROOT / catalogue, fresh / catalogue
        if not committed.exists():
            yield f"{catalogue} is missing: run make messages and translate"
            continue
        if not collected.exists() or dateless(committed.read_text()) != dateless(
            collected.read_text()
        ):
            yield f"{catalogue} is not what the code says: run make messages and translate"
        yield from (
            f"{catalogue}: untranslated: {msg}" for msg in entries(collected, "--untranslated")
        )
        yield from (f"{catalogue}: fuzzy: {msg}" for msg in entries(collected, "--only-fuzzy"))
        mo = committed.with_suffix(".mo")
        if not mo.exists() or messages(mo) != compiled(committed):
            yield f"{mo.relative_to(ROOT)} is older than its .po: run make messages"


def check() -> int:
    if not catalogues(ROOT):
        print("translations: there is no catalogue: run make messages", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder).resolve()
        copy_checkout(fresh)
        collect(fresh)
        found = list(problems(fresh))
    for problem in found:
        print(f"translations: {problem}", file=sys.stderr)
    return 1 if found else 0


def write() -> int:
    (ROOT / "locale").mkdir(exist_ok=True)
    collect(ROOT)
    for catalogue in catalogues(ROOT):
        target = str((ROOT / catalogue).with_suffix(".mo"))
        subprocess.run(["msgfmt", "--check", "-o", target, str(ROOT / catalogue)], check=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("write", "check"))
    if shutil.which("msgfmt") is None:
        sys.exit("translations: gettext is missing: python scripts/services.py brings it")
    return write() if parser.parse_args().what == "write" else check()


if __name__ == "__main__":
    sys.exit(main())
