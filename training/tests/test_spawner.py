"""The process that forks runs: what it starts ends, whoever dies first."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.leftovers import PIDFILE, kill_leftovers, start_time, write_pidfile
from training.tests.samples import digits, events, write_job

QUICK = {"image": {"size": 8, "channels": "grey"}, "epochs": 1}
ENDLESS = {"image": {"size": 8, "channels": "grey"}, "epochs": 1000, "batch_size": 8}
PATIENCE = 60.0


class Spawner:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training", "spawner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.rest = b""
        self.running = set()
        assert self.hear() == {"op": "ready"}

    def say(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            assert ready, "the spawner said nothing"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, self.process.stderr.read().decode()
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        message = json.loads(line)
        if message["op"] == "started":
            self.running.add(message["run"])
        if message["op"] == "exited":
            self.running.discard(message["run"])
        return message

    def start(self, folder, **env):
        self.say(op="start", run=str(folder), env=env)
        answer = self.hear()
        assert (answer["op"], answer["run"]) == ("started", str(folder))
        return answer["pid"]

    def clear(self):
        for folder in self.running:
            self.say(op="signal", run=folder, signal="KILL")
        while self.running:
            self.hear()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("version"), 300, classes=4)


@pytest.fixture(scope="module")
def shared():
    one = Spawner()
    yield one
    one.end()


@pytest.fixture
def spawner(shared):
    """One for all tests, since torch takes seconds to load; each leaves it without runs."""
    yield shared
    shared.clear()


@pytest.fixture
def mortal():
    """One of its own, for a test that ends it."""
    one = Spawner()
    yield one
    one.end()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def training(folder):
    """Whether the run has taken its first step."""
    path = folder / "events.jsonl"
    return path.exists() and "first_step" in path.read_text()


def gone(pid):
    return start_time(pid) is None


def test_runs_follow_each_other_and_report_their_exit(spawner, version, tmp_path):
    for number, (config, code) in enumerate([(QUICK, 0), ({"epochs": 0}, 2), (QUICK, 0)]):
        folder = write_job(tmp_path / str(number), version, config)
        pid = spawner.start(folder, JOB_ATTEMPT=f"7.{number}")
        assert spawner.hear() == {
            "op": "exited",
            "run": str(folder),
            "pid": pid,
            "code": code,
            "signal": None,
        }
        assert (folder / "result.json").exists()
        assert json.loads((folder / PIDFILE).read_text())["attempt"] == f"7.{number}"


def test_torch_is_loaded_before_the_first_run(spawner):
    maps = Path(f"/proc/{spawner.process.pid}/maps").read_text()
    assert "libtorch_cpu" in maps
    assert "libparquet" in maps
    assert "libcuda.so" not in maps


def test_terminated_runs_save_and_resume(spawner, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    spawner.start(folder)
    wait_for(lambda: training(folder))
    spawner.say(op="signal", run=str(folder), signal="TERM")
    assert spawner.hear()["code"] == 3
    assert json.loads((folder / "result.json").read_text())["status"] == "cancelled"
    assert list((folder / "checkpoint").iterdir())


def test_a_signal_right_after_the_start_is_not_lost(spawner, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    spawner.say(op="start", run=str(folder))
    spawner.say(op="signal", run=str(folder), signal="TERM")
    assert spawner.hear()["op"] == "started"
    assert spawner.hear()["code"] == 3


def test_killed_runs_are_reported(spawner, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    pid = spawner.start(folder)
    wait_for(lambda: training(folder))
    spawner.say(op="signal", run=str(folder), signal="KILL")
    answer = spawner.hear()
    assert (answer["code"], answer["signal"]) == (None, 9)
    assert gone(pid)
    assert not (folder / "result.json").exists()


def test_a_killed_run_goes_on_from_its_checkpoint(spawner, version, tmp_path):
    job = {**ENDLESS, "epochs": 3}
    whole = write_job(tmp_path / "whole", version, job)
    spawner.start(whole)
    assert spawner.hear()["code"] == 0
    folder = write_job(tmp_path / "run", version, job, checkpoint_seconds=0.001)
    spawner.start(folder)
    wait_for(lambda: any((folder / "checkpoint").glob("0*")))
    spawner.say(op="signal", run=str(folder), signal="KILL")
    spawner.hear()
    spawner.start(folder)
    assert spawner.hear()["code"] == 0
    weights = "weights.safetensors"
    assert (folder / weights).read_bytes() == (whole / weights).read_bytes()
    assert [one["resumed"] for one in events(folder) if one["kind"] == "started"][-1] is True


def test_when_stdin_ends_everything_ends(mortal, version, tmp_path):
    folders = [write_job(tmp_path / name, version, ENDLESS) for name in "ab"]
    pids = [mortal.start(folder) for folder in folders]
    for folder in folders:
        wait_for(lambda folder=folder: training(folder))
    mortal.process.stdin.close()
    assert mortal.process.wait(PATIENCE) == 0
    assert all(gone(pid) for pid in pids)
    mortal.process.stdin = None


def test_a_killed_spawner_takes_its_runs_along(mortal, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    pid = mortal.start(folder)
    wait_for(lambda: training(folder))
    mortal.process.kill()
    wait_for(lambda: gone(pid))


MIDDLE = """
import subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "training", "spawner"], stdin=subprocess.PIPE)
print(process.pid, flush=True)
process.wait()
"""


def test_a_killed_starter_takes_the_spawner_along():
    with subprocess.Popen([sys.executable, "-c", MIDDLE], stdout=subprocess.PIPE, text=True) as one:
        pid = int(one.stdout.readline())
        assert json.loads(one.stdout.readline()) == {"op": "ready"}
        one.kill()
        wait_for(lambda: gone(pid))


def test_runs_have_no_stdin_limited_files_and_their_own_group(spawner, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    pid = spawner.start(folder)
    wait_for(lambda: training(folder))
    assert os.getpgid(pid) == os.getsid(pid) == pid
    process = Path(f"/proc/{pid}")
    assert os.readlink(process / "fd/0") == "/dev/null"
    for number in "12":
        assert os.readlink(process / "fd" / number) == str(folder / "log.txt")
    pipes = [os.readlink(path) for path in (process / "fd").iterdir()]
    assert not [name for name in pipes if name.startswith("pipe:")]
    limits = (process / "limits").read_text()
    assert "Max core file size        0" in limits
    assert start_time(pid) is not None


@pytest.mark.parametrize(
    "order",
    [
        {"op": "start", "run": "relative"},
        {"op": "start", "run": "/nowhere/at/all"},
        {"op": "start", "run": "/tmp", "env": {"A": 1}},
        {"op": "start", "run": "/tmp", "env": [1]},
        {"op": "signal", "run": "/tmp", "signal": "HUP"},
        {"op": "dance", "run": "/tmp"},
        {"op": "start"},
        [1, 2],
        "text",
    ],
)
def test_a_refused_order_harms_nobody(spawner, order):
    spawner.process.stdin.write(json.dumps(order).encode() + b"\n")
    spawner.process.stdin.flush()
    assert spawner.hear()["op"] == "error"


def test_the_same_run_is_not_started_twice(spawner, version, tmp_path):
    folder = write_job(tmp_path / "run", version, ENDLESS)
    spawner.start(folder)
    spawner.say(op="start", run=str(folder))
    answer = spawner.hear()
    assert answer["op"] == "error"
    assert "already running" in answer["message"]


# ---------------------------------------------------------------------------- leftovers

LEFTOVER = """
import sys, time
from pathlib import Path
from training.leftovers import write_pidfile
write_pidfile(Path(sys.argv[1]), None)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def leftover(tmp_path):
    """A process that registered as a run, in its own group; we are its spawner."""
    folder = tmp_path / "job" / "1"
    folder.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", LEFTOVER, str(folder)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        process.stdout.readline()
        yield process, folder / PIDFILE
        process.kill()


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_leftovers_of_a_dead_spawner_are_killed(leftover, tmp_path):
    process, path = leftover
    change(path, spawner_start=1)
    assert kill_leftovers(tmp_path) == [process.pid]
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert not path.exists()


def test_runs_of_a_living_spawner_are_left_alone(leftover, tmp_path):
    process, path = leftover
    assert kill_leftovers(tmp_path) == []
    assert process.poll() is None
    assert path.exists()


@pytest.mark.parametrize("change_to", [{"start": 1}, {"boot": "another"}, {"pid": "x"}, {"pid": 1}])
def test_strangers_with_a_used_number_are_left_alone(leftover, tmp_path, change_to):
    process, path = leftover
    change(path, spawner_start=1, **change_to)
    assert kill_leftovers(tmp_path) == []
    assert process.poll() is None
    assert not path.exists()


def test_a_spoilt_pidfile_is_removed(tmp_path):
    (tmp_path / PIDFILE).write_text("{")
    assert kill_leftovers(tmp_path) == []
    assert not (tmp_path / PIDFILE).exists()


def test_a_pidfile_names_run_and_spawner(tmp_path):
    write_pidfile(tmp_path, "3.1")
    found = json.loads((tmp_path / PIDFILE).read_text())
    assert (found["pid"], found["spawner"]) == (os.getpid(), os.getppid())
    assert found["start"] == start_time(os.getpid())
