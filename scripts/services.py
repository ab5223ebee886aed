"""See that the programs the suite drives are installed; install them where that is allowed.

PostgreSQL and Redis are started by the tests themselves and thrown away afterwards; what is needed
here is only that the programs exist. As root on Debian or Ubuntu missing ones come with apt; anywhere
else the message names each and this exits with status 1, because nothing is ever skipped silently.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def postgresql_server() -> bool:
    """Debian keeps the server's programs off PATH, one folder per version."""
    return bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def chinese_font() -> bool:
    """Without one the Chinese pages are drawn as boxes, and no picture of them can be judged."""
    folders = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts")
    return any(next(folder.rglob("NotoSans*CJK*"), None) for folder in folders if folder.is_dir())


# Debian package: how to see it is there, what for
NEEDED: dict[str, tuple[Callable[[], bool], str]] = {
    "postgresql": (postgresql_server, "the suite runs on it as well as on SQLite"),
    "postgresql-common": (program("pg_virtualenv"), "pg_virtualenv makes a throw-away server"),
    "redis-server": (program("redis-server"), "queue tests run on a real Redis"),
    "chromium": (program("chromium"), "browser tests"),
    "fonts-noto-cjk": (chinese_font, "Chinese pages in browser tests"),
    "gettext": (program("msgfmt"), "checks of the translations"),
}


def missing() -> list[str]:
    return [package for package, (present, _) in NEEDED.items() if not present()]


def apt_prefix() -> list[str] | None:
    """How to run apt-get here: as root, through a sudo that asks nothing, or not at all (None)."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0:
        return ["sudo", "-n"]
    return None


def install(packages: list[str], prefix: list[str]) -> None:
    print(f"services: installing {', '.join(packages)}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *packages], check=True)


def main() -> int:
    absent = missing()
    prefix = apt_prefix() if absent else None
    if absent and prefix is not None:
        install(absent, prefix)
        absent = missing()
    for package in absent:
        print(f"services: {package} is missing: {NEEDED[package][1]}", file=sys.stderr)
    if absent:
        print(f"services: install with: apt install {' '.join(absent)}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
