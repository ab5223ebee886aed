"""One run in two processes: the same every time, stopped and resumed, and honest about failures."""

import json
import os
import signal
import threading
import time

import pyarrow.parquet as pq
import pytest

from training import ranks, run
from training.tests.samples import digits, events, write_job

CONFIG = {
    "model": {"kind": "cnn", "norm": "batch"},
    "image": {"size": 8, "channels": "grey"},
    "averaging": {"kind": "ema", "decay": 0.9},
    "epochs": 2,
    "batch_size": 32,
    "devices": 2,
    "seed": 4,
}
FILES = ("weights.safetensors", "predictions.parquet", "confusion.json")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("version"), 300, classes=4)


@pytest.fixture(scope="module")
def finished(version, tmp_path_factory):
    folder = write_job(tmp_path_factory.mktemp("run"), version, CONFIG)
    assert run.main(folder) == 0, (folder / "log.txt").read_text()
    return folder


def result(folder):
    return json.loads((folder / "result.json").read_text())


def test_two_processes_train_one_network(finished):
    found, told = result(finished), events(finished)
    assert (found["status"], found["epochs"], found["steps"]) == ("succeeded", 2, 10)
    assert found["metrics"]["test"]["accuracy"] > 0.4
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
    kinds = [one["kind"] for one in told]
    assert kinds.count("epoch") == 2
    assert kinds.count("finished") == 1
    assert not list(finished.glob("rank*.json"))
    assert not (finished / "torchrun").exists()
    splits = pq.read_table(finished / "predictions.parquet").column("split").to_pylist()
    assert splits.count("test") == found["metrics"]["test"]["support"]


def test_the_world_is_part_of_what_a_run_is(finished, version, tmp_path):
    again = write_job(tmp_path / "again", version, CONFIG)
    alone = write_job(tmp_path / "alone", version, {**CONFIG, "devices": 1})
    assert run.main(again) == 0
    assert run.main(alone) == 0
    for name in FILES:
        assert (again / name).read_bytes() == (finished / name).read_bytes()
    assert (alone / FILES[0]).read_bytes() != (finished / FILES[0]).read_bytes()


def test_stopped_together_and_resumed_together(version, tmp_path):
    config = {**CONFIG, "epochs": 150}  # so that there is something left to stop
    finished = write_job(tmp_path / "whole", version, config)
    assert run.main(finished) == 0
    folder = write_job(tmp_path / "cut", version, config, checkpoint_seconds=0.01)
    stopper = threading.Thread(target=_stop_after_first_step, args=(folder,))
    stopper.start()
    code = run.main(folder)
    stopper.join()
    assert code == 3, (folder / "log.txt").read_text()
    assert result(folder)["status"] == "cancelled"
    before = len(events(folder))
    assert run.main(folder) == 0
    started = next(one for one in events(folder)[before:] if one["kind"] == "started")
    assert started["resumed"]
    for name in FILES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def _stop_after_first_step(folder):
    path = folder / "events.jsonl"
    while not (path.exists() and "first_step" in path.read_text()):
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_failure_keeps_its_name(version, tmp_path):
    config = {
        **CONFIG,
        "epochs": 30,
        "optimizer": {"kind": "momentum", "learning_rate": 10, "momentum": 0.99},
        "schedule": {"kind": "constant"},
        "model": {"kind": "cnn"},
    }
    folder = write_job(tmp_path, version, config)
    assert run.main(folder) == 2, (folder / "log.txt").read_text()
    assert result(folder)["code"] == "non_finite_loss"
    assert [one["kind"] for one in events(folder)][-1] == "failed"


def test_an_abort_at_exit_undoes_nothing(finished, version, tmp_path, monkeypatch, capfd):
    """Each process of the run aborts while its interpreter leaves."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os\nif 'RANK' in os.environ:\n    atexit.register(os.abort)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = write_job(tmp_path / "run", version, CONFIG)
    assert run.main(folder) == 0
    assert "SIGABRT" in capfd.readouterr().err
    assert result(folder)["status"] == "succeeded"
    for name in FILES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


OK = {"status": "succeeded", "code": None}
STOPPED = {"status": "cancelled", "code": "cancelled"}
LOST = {"status": "failed", "code": "crash", "message": "lost"}
NO_MEMORY = {"status": "failed", "code": "out_of_memory"}


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ([OK, OK], False, OK),
        ([OK, None], False, OK),  # the other one aborted while its interpreter left
        ([OK, LOST], True, OK),  # too late to stop
        ([STOPPED, STOPPED], True, STOPPED),
        ([None, None], True, STOPPED),  # too early: nobody listened yet
        ([LOST, LOST], True, STOPPED),  # one stopped, the other lost it
        ([LOST, NO_MEMORY], False, NO_MEMORY),
        ([STOPPED, NO_MEMORY], False, NO_MEMORY),  # torchrun ended it because of the other
        ([LOST, LOST], False, LOST),
        ([None, OK], False, LOST),  # the first alone evaluates and writes
        ([STOPPED, None], False, LOST),  # torchrun ended it because the other was killed
    ],
)
def test_the_verdict_is_by_what_was_written(said, asked, expected):
    found = ranks._verdict(said, asked)
    assert (found["status"], found["code"]) == (expected["status"], expected["code"])


def test_a_crash_says_what_each_process_said():
    said = [{**LOST, "message": "connection closed"}, {**LOST, "message": "no space left"}]
    assert ranks._verdict(said, asked=False)["message"] == "connection closed; no space left"
    assert "log" in ranks._verdict([None, None], asked=False)["message"]


def test_stopped_before_anybody_listens(version, tmp_path):
    folder = write_job(tmp_path, version, CONFIG)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert run.main(folder) == 3
    timer.join()
    assert result(folder)["status"] == "cancelled"


def test_devices_need_samples_to_share(version, tmp_path):
    folder = write_job(tmp_path, version, {**CONFIG, "devices": 16, "model": {"kind": "cnn"}})
    table = pq.read_table(version["manifest"])
    train = [row for row in table.to_pylist() if row["split"] == "train"]
    others = [row for row in table.to_pylist() if row["split"] != "train"]
    pq.write_table(table.from_pylist(train[:20] + others, table.schema), tmp_path / "few.parquet")
    write_job(
        folder,
        version,
        {**CONFIG, "devices": 16, "model": {"kind": "cnn"}},
        manifest=str(tmp_path / "few.parquet"),
        digest="few",
    )
    assert run.main(folder) == 2
    assert "lower devices" in result(folder)["message"]
