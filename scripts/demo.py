"""The main job without a person.

Without arguments: a fresh site in a temporary folder, the sample community, the leaderboard, gone.
With --site URL: bring the sample community to a site that runs already (`make run` does, once).
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from community import Community, Failed, Person, bring, four_members

ROOT = Path(__file__).resolve().parent.parent
REQUIRED_ACCURACY = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", help="address of a running site")
    site = parser.parse_args().site
    began = time.monotonic()
    try:
        community = at_running(site) if site else in_fresh_site()
        print_board(community)
        check(community)
    except Failed as failure:
        print(f"demo: FAILED: {failure}", file=sys.stderr)
        return 1
    print(f"demo: done in {time.monotonic() - began:.0f} s")
    return 0


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def at_running(site: str) -> Community:
    wait_for(site, limit=120)
    people = four_members(site)
    keep_passwords(people)
    return bring(people, say)


def keep_passwords(people: list[Person]) -> None:
    """So that whoever started the site can look at it as any of the four."""
    path = Path(os.environ.get("VAR_DIR", ROOT / "var")) / "sample-members"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.writelines(f"{person.name} {person.password}\n" for person in people)
    say(f"names and passwords of the sample members are in {path}")


def in_fresh_site() -> Community:
    with tempfile.TemporaryDirectory(prefix="potluck-demo-") as var:
        port = free_port()
        env = clean_environment() | {
            "VAR_DIR": var,
            "PORT": str(port),
            "SITE_URL": f"http://127.0.0.1:{port}",
        }
        (Path(var) / "sample-done").touch()  # the community is brought from here instead
        log = Path(var) / "site.log"
        with log.open("wb") as out, start_site(env, out) as site:
            try:
                wait_for(env["SITE_URL"], limit=120, site=site)
                return bring(four_members(env["SITE_URL"]), say)
            except Failed:
                print(log.read_text(errors="replace")[-6000:], file=sys.stderr)
                raise
            finally:
                stop(site)


def clean_environment() -> dict[str, str]:
    """The demo shows the embedded default, whatever this shell is set up for."""
    production = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "DEBUG", "EMAIL_URL"}
    production |= {"ALLOWED_HOSTS", "BEHIND_TLS", "SIGNUP_OPEN", "DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in production}


def start_site(env: dict[str, str], out: Any) -> "subprocess.Popen[bytes]":
    # Its own session: stopping it reaches every process it started.
    return subprocess.Popen(
        [str(ROOT / "scripts" / "run.sh")],
        env=env,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop(site: "subprocess.Popen[bytes]") -> None:
    site.send_signal(signal.SIGTERM)
    try:
        site.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(site.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, *, limit: float, site: "subprocess.Popen[bytes] | None" = None) -> None:
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        if site and site.poll() is not None:
            raise Failed(f"the site ended with status {site.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise Failed(f"{url} did not answer within {limit:.0f} s")


def print_board(community: Community) -> None:
    print("\nrank  accuracy  95 % interval    macro-F1  parameters  train s  member  job")
    for entry in community.leaderboard:
        interval = f"{entry['ci_low']:.4f}–{entry['ci_high']:.4f}"
        print(
            f"{entry['rank']:>4}  {entry['accuracy']:>8.4f}  {interval:<15}  "
            f"{entry['macro_f1']:>8.4f}  {entry['parameters']:>10}  "
            f"{entry['train_seconds']:>7.1f}  {entry['member']:<6}  {entry['title']}"
        )
    print()


def check(community: Community) -> None:
    best = community.leaderboard[0]["accuracy"]
    if best <= REQUIRED_ACCURACY:
        raise Failed(f"the better model reaches {best:.4f}, not more than {REQUIRED_ACCURACY}")


if __name__ == "__main__":
    sys.exit(main())
