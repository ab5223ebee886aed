"""Bring a bare checkout to where everything runs: virtual environment, packages, front-end files.

Run by every `make` target; takes a tenth of a second when nothing changed. Each step leaves a stamp
holding the digest of what it was made from, and runs again only when that digest differs. Nothing
is installed outside the checkout, and an existing .venv is mended, never removed.

Standard library only, and no syntax newer than Python 3.6 before the version check: this file is
what tells the owner of an old Python about it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - this is where older ones are turned away
    sys.exit(
        "Potluck needs Python 3.11 or newer; {} is {}.{}. Name another one: make PYTHON=python3.12 …".format(
            sys.executable, *sys.version_info[:2]
        )
    )

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
REQUIREMENTS = ROOT / "requirements"
TORCH = REQUIREMENTS / "torch.txt"
LOCKS = [REQUIREMENTS / f"{name}.txt" for name in ("base", "worker", "dev")]
PIP = (PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check")


def run(*command: object) -> None:
    """Run a command in the checkout; its failure ends the bootstrap with its own message."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(), check=False)
    if done.returncode:
        words = " ".join(str(part) for part in command)
        sys.exit(f"bootstrap: this failed with status {done.returncode}: {words}")


def environment() -> dict[str, str]:
    """This environment with .venv/bin first, so that npm from a wheel finds its node."""
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def digest(*files: Path, about: str = "") -> str:
    """sha256 over the files' contents and a word about what else the step depends on."""
    total = hashlib.sha256(about.encode())
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def fresh(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


def make_venv() -> None:
    if PYTHON.exists():
        return
    print("bootstrap: making .venv", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", VENV], check=False)
    if done.returncode:
        sys.exit(
            "bootstrap: no .venv could be made. On Debian and Ubuntu: apt install python3-venv"
        )


def install_torch() -> None:
    """torch first and without a hash: which file is right depends on the machine (CPU, CUDA)."""
    stamp, wanted = VENV / "stamp-torch", digest(TORCH)
    if fresh(stamp, wanted):
        return
    print("bootstrap: installing torch (large)", flush=True)
    run(*PIP, "-r", TORCH)
    stamp.write_text(wanted)


def install_packages() -> None:
    """The locks name every package, so --no-deps: with hashes pip would else refuse torch."""
    stamp, wanted = VENV / "stamp-packages", digest(TORCH, *LOCKS)
    if fresh(stamp, wanted):
        return
    print("bootstrap: installing Python packages", flush=True)
    run(*PIP, "--no-deps", "--require-hashes", *(f"-r{lock}" for lock in LOCKS))
    run(PYTHON, "-m", "pip", "check", "-q")
    stamp.write_text(wanted)


def install_project() -> None:
    """Puts the checkout and platform/ on the import path, for good and for every program."""
    pyproject = ROOT / "pyproject.toml"
    stamp, wanted = VENV / "stamp-project", digest(pyproject, about=str(ROOT))
    if fresh(stamp, wanted):
        return
    run(*PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    stamp.write_text(wanted)


def install_front_end() -> None:
    """No install scripts: these are files to serve, and one package's script reports home."""
    stamp = ROOT / "node_modules" / ".stamp"
    vendor = ROOT / "scripts" / "vendor.py"
    wanted = digest(ROOT / "package.json", ROOT / "package-lock.json", vendor)
    if fresh(stamp, wanted):
        return
    print("bootstrap: installing front-end files", flush=True)
    if shutil.which("npm", path=environment()["PATH"]) is None:
        print("bootstrap: no npm here, bringing one into .venv", flush=True)
        run(*PIP, "--no-deps", "--require-hashes", "-r", REQUIREMENTS / "node.txt")
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    run(PYTHON, vendor)
    stamp.write_text(wanted)


def main() -> None:
    # Two `make` at once must not install into one environment at once.
    with (ROOT / "requirements" / "torch.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_venv()
        install_torch()
        install_packages()
        install_project()
        install_front_end()


if __name__ == "__main__":
    main()
