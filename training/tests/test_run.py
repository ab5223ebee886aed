"""A run in a folder: everything it writes, and every way it ends."""

import csv
import json
import os
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from training import engine, run
from training.config import JobConfig, config_sha256
from training.evaluation import evaluate
from training.models import build
from training.tests.samples import digits, events, write_job

CONFIG = {"image": {"size": 8, "channels": "grey"}, "epochs": 2, "seed": 4}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("version"), 300, classes=4)


@pytest.fixture(scope="module")
def finished(version, tmp_path_factory):
    """One whole run, looked at by several tests."""
    folder = write_job(tmp_path_factory.mktemp("run"), version, CONFIG)
    assert run.main(folder) == 0
    return folder


def result(folder):
    return json.loads((folder / "result.json").read_text())


def rows_of_test(folder):
    """Predictions of the test split."""
    table = pq.read_table(folder / "predictions.parquet").to_pylist()
    return [row for row in table if row["split"] == "test"]


def failure(folder, code):
    assert run.main(folder) == 2
    found, last = result(folder), events(folder)[-1]
    assert (found["status"], found["code"]) == ("failed", code)
    assert (last["kind"], last["code"], last["message"]) == ("failed", code, found["message"])
    return found["message"]


def test_succeeds_and_measures(finished):
    found = result(finished)
    assert (found["status"], found["code"]) == ("succeeded", None)
    assert (found["epochs"], found["steps"]) == (2, 4)
    assert found["chosen_epoch"] in (1, 2)
    assert found["train_seconds"] > 0
    assert found["parameters"] > 10_000
    for split in ("test", "validation"):
        assert 0 <= found["metrics"][split]["accuracy"] <= 1
        assert set(found["metrics"][split]["per_class"]) == {f"digit {n}" for n in range(4)}


def test_tells_what_happens(finished):
    told = events(finished)
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
    kinds = [one["kind"] for one in told]
    expected = ["pack", "started", "first_step", "epoch", "epoch", "finished"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in expected] == list(
        dict.fromkeys(expected)
    )
    assert kinds.count("epoch") == 2
    assert kinds[-1] == "finished"
    epoch = next(one for one in told if one["kind"] == "epoch")
    assert set(epoch) == {
        "seq",
        "time",
        "kind",
        "epoch",
        "step",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
        "seconds",
    }


def test_predictions_agree_with_the_score_and_the_weights(finished, version):
    table = rows_of_test(finished)
    right = [row["label"] == row["predicted"] for row in table]
    assert np.mean(right) == pytest.approx(result(finished)["metrics"]["test"]["accuracy"])
    for row in table:
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        best = int(np.argmax(row["probabilities"]))
        assert version["classes"][best] == row["predicted"]

    network = build(JobConfig.model_validate(CONFIG), 4)
    network.load_state_dict(load_file(finished / "weights.safetensors"))
    job = run.read_job(finished)
    with run.open_pack(job.source(), run.Path(job.packs)) as pack:
        assert not pack.built
        rows = pack.rows("test")
        logits = evaluate(network, pack.split("test", torch.device("cpu")))
        assert [row["sample"] for row in table] == pack.samples[rows]
    expected = torch.tensor([row["probabilities"] for row in table])
    assert torch.allclose(logits.softmax(1), expected, atol=1e-5)


def test_records_what_reproduction_needs(finished):
    found = json.loads((finished / "config.json").read_text())
    config = JobConfig.model_validate(found["config"])
    assert found["config_sha256"] == config_sha256(config)
    assert config == JobConfig.model_validate(CONFIG)
    assert found["digest"] == "digits-300-4"
    for name in ("classes", "code", "code_sha256", "torch", "threads", "cpu_capability", "pack"):
        assert found[name], name


def test_curves_and_matrix(finished):
    rows = list(csv.DictReader((finished / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    matrix = json.loads((finished / "confusion.json").read_text())
    assert matrix["split"] == "test"
    support = result(finished)["metrics"]["test"]["per_class"]
    assert [sum(row) for row in matrix["matrix"]] == [one["support"] for one in support.values()]


def test_the_same_job_gives_the_same_bytes(finished, version, tmp_path):
    again = write_job(tmp_path / "again", version, CONFIG)
    assert run.main(again) == 0
    for name in ("weights.safetensors", "predictions.parquet", "confusion.json"):
        assert (again / name).read_bytes() == (finished / name).read_bytes()


def _cancel_at(monkeypatch, step):
    """SIGTERM to ourselves while that step is being taken."""
    take = engine.train_step

    def taking(current, *arguments):
        if current.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        take(current, *arguments)

    monkeypatch.setattr(engine, "train_step", taking)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_cancelled_then_resumed_gives_the_same_bytes(
    finished, version, tmp_path, monkeypatch, step
):
    folder = write_job(tmp_path / "cut", version, CONFIG)
    with monkeypatch.context() as patch:
        _cancel_at(patch, step)
        assert run.main(folder) == 3
    assert result(folder)["status"] == "cancelled"
    assert events(folder)[-1]["kind"] == "cancelled"
    before = len(events(folder))
    assert run.main(folder) == 0
    told = events(folder)
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
    started = next(one for one in told[before:] if one["kind"] == "started")
    assert (started["resumed"], started["step"]) == (True, step + 1)
    for name in ("weights.safetensors", "predictions.parquet", "confusion.json"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_signal_handlers_are_given_back(version, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    write_job(tmp_path, version, {"epochs": 0})
    run.main(tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_configuration_starts_over(version, tmp_path):
    folder = write_job(tmp_path, version, CONFIG)
    assert run.main(folder) == 0
    write_job(folder, version, {**CONFIG, "seed": 5})
    assert run.main(folder) == 0
    started = [one for one in events(folder) if one["kind"] == "started"]
    assert [one["resumed"] for one in started] == [False, False]


def test_a_half_written_event_is_removed(version, tmp_path):
    folder = write_job(tmp_path, version, {"epochs": 0})
    (folder / "events.jsonl").write_text('{"seq": 7, "kind": "log"}\n{"seq": 8, "ki')
    failure(folder, "bad_input")
    assert [one["seq"] for one in events(folder)] == [7, 8]


def test_refuses_a_wrong_configuration_by_field(version, tmp_path):
    message = failure(write_job(tmp_path, version, {"epochs": 0}), "bad_input")
    assert "epochs: Must be at least 1." in message


@pytest.mark.parametrize(
    "change",
    [
        {"packs": "relative"},
        {"classes": ["a"]},
        {"classes": ["a", "a"]},
        {"threads": 0},
        {"colour": "red"},
        {"manifest": "/nowhere", "digest": "not decoded yet"},
    ],
)
def test_refuses_a_wrong_job(version, tmp_path, change):
    failure(write_job(tmp_path, version, CONFIG, **change), "bad_input")


def test_refuses_no_job_at_all(tmp_path):
    failure(tmp_path, "bad_input")


def test_flips_only_where_the_dataset_allows(version, tmp_path):
    config = {**CONFIG, "augmentation": {"flip": True}}
    message = failure(write_job(tmp_path, version, config), "bad_input")
    assert message.startswith("augmentation.flip: ")
    assert run.main(write_job(tmp_path, version, config, flips_preserve_labels=True)) == 0


def test_refuses_a_class_that_nobody_trains(version, tmp_path):
    classes = [*version["classes"], "digit 9"]
    folder = write_job(tmp_path, version, CONFIG, classes=classes)
    assert "digit 9" in failure(folder, "class_missing_in_train")


@pytest.mark.parametrize("split", ["train", "test"])
def test_refuses_an_empty_split(version, tmp_path, split):
    table = pq.read_table(version["manifest"])
    kept = [row for row in table.to_pylist() if row["split"] != split]
    pq.write_table(table.from_pylist(kept, table.schema), tmp_path / "less.parquet")
    folder = write_job(
        tmp_path, version, CONFIG, manifest=str(tmp_path / "less.parquet"), digest=split
    )
    assert split in failure(folder, "empty_split")


def test_a_loss_that_is_no_number_fails_with_advice(version, tmp_path):
    config = {
        **CONFIG,
        "epochs": 4,
        "optimizer": {"kind": "momentum", "learning_rate": 10, "momentum": 0.99},
        "schedule": {"kind": "constant"},
    }
    assert "learning_rate" in failure(write_job(tmp_path, version, config), "non_finite_loss")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_lack_of_memory_is_told_with_the_estimate(version, tmp_path, monkeypatch, error):
    def fail(*_arguments):
        raise error

    monkeypatch.setattr(engine, "train_step", fail)
    assert "GB" in failure(write_job(tmp_path, version, CONFIG), "out_of_memory")


def test_a_crash_is_reported_and_its_trace_kept(version, tmp_path, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(engine, "train_step", fail)
    folder = write_job(tmp_path, version, CONFIG)
    assert run.main(folder) == 1
    assert result(folder)["code"] == "crash"
    assert result(folder)["message"] == "RuntimeError: the unforeseen"
    assert "Traceback" in (folder / "log.txt").read_text()


def test_sealed_labels_are_written_nowhere(version, tmp_path):
    folder = write_job(tmp_path, version, CONFIG, seal=True)
    assert run.main(folder) == 0
    assert {row["label"] for row in rows_of_test(folder)} == {None}
    assert json.loads((folder / "confusion.json").read_text())["split"] == "validation"


def test_labels_that_the_manifest_hides_are_not_scored(version, tmp_path):
    table = pq.read_table(version["manifest"])
    rows = table.to_pylist()
    for row in rows:
        if row["split"] == "test":
            row["label"] = None
    pq.write_table(table.from_pylist(rows, table.schema), tmp_path / "sealed.parquet")
    folder = write_job(
        tmp_path, version, CONFIG, manifest=str(tmp_path / "sealed.parquet"), digest="sealed"
    )
    assert run.main(folder) == 0
    assert result(folder)["metrics"]["test"] is None
    assert pq.read_table(folder / "predictions.parquet").column("label").null_count > 0


def test_the_weights_say_what_they_are(finished, version):
    content = (finished / "weights.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["training"])
    assert about["classes"] == version["classes"]
    assert JobConfig.model_validate(about["config"]) == JobConfig.model_validate(CONFIG)
