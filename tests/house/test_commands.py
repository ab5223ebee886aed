"""The commands of the Makefile and the small scripts behind them."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import bootstrap, services, vendor

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = {"run", "test", "demo", "accept", "check", "bench"}


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_command_of_the_contract_brings_what_it_needs() -> None:
    text = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^(\w+): bootstrap", text, flags=re.MULTILINE)) >= CONTRACT


def test_recipes_are_short() -> None:
    for recipe in re.findall(
        r"^\w+:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    ):
        assert recipe.count("\n") <= 3


def test_scripts_can_be_executed() -> None:
    for script in [*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"]:
        assert os.access(script, os.X_OK), script


def test_forever_starts_again_what_ended_and_stops_when_told(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = ["scripts/forever.sh", "sh", "-c", f"echo $$ >> {pids}; exec sleep 60"]
    environment = {**os.environ, "FOREVER_PAUSE": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as loop:
        wait_until(lambda: len(lines(pids)) == 1)
        os.kill(int(lines(pids)[0]), signal.SIGKILL)
        wait_until(lambda: len(lines(pids)) == 2)
        loop.terminate()
        assert loop.wait(timeout=10) == 0
    assert not any(alive(int(pid)) for pid in lines(pids))


def test_forever_waits_for_a_child_that_takes_its_time(tmp_path: Path) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    child = (
        f"trap 'sleep 0.3; touch {done}; exit 0' TERM; touch {ready}; while :; do sleep 0.05; done"
    )
    with subprocess.Popen(["scripts/forever.sh", "sh", "-c", child], cwd=ROOT) as loop:
        wait_until(ready.exists)
        loop.terminate()
        assert loop.wait(timeout=10) == 0
    assert done.exists()


def test_accept_fails_and_says_so_without_data(tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "nowhere")}
    command = ["scripts/accept.sh"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "make accept DATA_DIR=" in done.stderr


def test_a_step_of_the_bootstrap_runs_again_only_when_its_files_changed(tmp_path: Path) -> None:
    lock, stamp = tmp_path / "lock.txt", tmp_path / "stamp"
    lock.write_text("one==1")
    assert not bootstrap.fresh(stamp, bootstrap.digest(lock))
    stamp.write_text(bootstrap.digest(lock))
    assert bootstrap.fresh(stamp, bootstrap.digest(lock))
    lock.write_text("one==2")
    assert not bootstrap.fresh(stamp, bootstrap.digest(lock))


def test_missing_services_are_named_with_what_they_are_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(services.NEEDED, "redis-server", (lambda: False, "queue tests"))
    monkeypatch.setattr(services, "apt_prefix", lambda: None)
    assert services.main() == 1
    said = capsys.readouterr().err
    assert "redis-server is missing: queue tests" in said
    assert "apt install redis-server" in said


def test_what_pages_load_is_picked_without_links_to_source_maps() -> None:
    for name, (_, _, files) in vendor.SERVED.items():
        for file in files:
            content = (vendor.VENDOR / name / file).read_bytes()
            assert content
            assert b"sourceMappingURL" not in content
        assert (vendor.VENDOR / name / "LICENSE.txt").exists()
