"""Runs on texts, runs that prune, runs that look twice: all that they leave behind agrees."""

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open

from training import engine, run
from training.config import JobConfig
from training.data.tokenizer import load_tokenizer
from training.models import build
from training.tests.samples import digits, events, store_bytes, write_job, write_manifest

WORDS = {
    "fruit": ["apple", "pear", "plum", "苹果", "梨子"],
    "tool": ["hammer", "saw", "drill", "锤子", "锯子"],
    "bird": ["robin", "crow", "heron", "麻雀", "乌鸦"],
}
FILLER = ["please", "the", "my", "is", "here", "我要", "这个", "很好"]
SOURCES = ["north", "south", None]


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """240 short texts of three classes, English and Chinese."""
    folder, chance = tmp_path_factory.mktemp("texts"), np.random.default_rng(3)
    rows: dict[str, tuple[str, str, str]] = {}
    for number in range(240):
        label = list(WORDS)[number % 3]
        words = [*chance.choice(FILLER, 3), chance.choice(WORDS[label]), str(number)]
        content = " ".join(chance.permutation(words)).encode()
        name = store_bytes(folder / "blobs", content)
        split = ("test", "validation")[number % 5] if number % 5 < 2 else "train"
        rows[name] = (name, label, split)
    sources = [SOURCES[number % 3] for number in range(len(rows))]
    write_manifest(folder / "manifest.parquet", list(rows.values()), sources)
    return {
        "classes": list(WORDS),
        "manifest": str(folder / "manifest.parquet"),
        "blobs": str(folder / "blobs"),
        "digest": "words",
        "packs": str(folder / "packs"),
        "threads": 1,
    }


def result(folder):
    return json.loads((folder / "result.json").read_text())


def about(folder):
    with safe_open(folder / "weights.safetensors", "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()["training"]), weights


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ({"kind": "rnn", "embedding": 16, "hidden": 16}, {"tokenizer": "characters"}),
        ({"kind": "transformer", "width": 32}, {"tokenizer": "bpe", "vocabulary": 200}),
    ],
    ids=["lstm on characters", "transformer on pieces"],
)
def test_texts_from_files_to_a_model_that_reads_texts(version, tmp_path, model, text):
    config = {
        "model": {**model, "dropout": 0.0},
        "text": {"max_length": 64, **text},
        "epochs": 20,
        "batch_size": 16,
    }
    folder = write_job(tmp_path, version, config)
    assert run.main(folder) == 0, (folder / "log.txt").read_text()
    found = result(folder)["metrics"]["test"]
    assert found["accuracy"] > 0.8
    assert set(found["per_source"]) >= {"north", "south"}

    # What a user does at home: weights, tokenizer and classes are all in one file.
    said, weights = about(folder)
    network = build(JobConfig.model_validate(said["config"]), len(said["classes"]))
    network.load_state_dict(weights)
    network.eval()
    tokenizer = load_tokenizer(said["tokenizer"])
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    for row in rows[:20]:
        name = row["sample"]
        content = Path(version["blobs"], name[:2], name[2:4], name).read_text()
        (ids,) = tokenizer.encode([content])
        with torch.no_grad():
            shares = network(torch.tensor([ids])).softmax(1)[0]
        assert said["classes"][int(shares.argmax())] == row["predicted"]
        # The run computed in bf16 where the machine has it.
        assert shares.tolist() == pytest.approx(row["probabilities"], abs=0.05)


def test_an_image_model_does_not_read_texts(version, tmp_path):
    folder = write_job(tmp_path, version, {"image": {"size": 8}})
    assert run.main(folder) == 2
    assert result(folder)["code"] == "bad_input"


# ---------------------------------------------------------------------------- images


DIGITS = {"image": {"size": 8, "channels": "grey"}, "epochs": 3, "seed": 4, "batch_size": 32}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("version"), 300, classes=4)


def test_several_views_are_told_apart_from_the_plain_score(numbers, tmp_path):
    folder = write_job(tmp_path, numbers, {**DIGITS, "test_time_augmentation": True})
    assert run.main(folder) == 0
    metrics = result(folder)["metrics"]
    assert set(metrics) == {"test", "validation", "test_tta"}
    assert metrics["test_tta"]["support"] == metrics["test"]["support"]
    assert metrics["test_tta"]["brier_score"] != metrics["test"]["brier_score"]
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    assert all((row["probabilities_tta"] is None) == (row["split"] != "test") for row in rows)


PRUNINGS = {
    "magnitude": {"kind": "magnitude", "amount": 0.5, "epochs": 2},
    "structured": {"kind": "structured", "amount": 0.5, "epochs": 2},
}


@pytest.fixture(scope="module", params=PRUNINGS)
def pruned(request, numbers, tmp_path_factory):
    folder = write_job(
        tmp_path_factory.mktemp("run"), numbers, {**DIGITS, "pruning": PRUNINGS[request.param]}
    )
    assert run.main(folder) == 0, (folder / "log.txt").read_text()
    return request.param, folder


def test_pruning_is_told_before_and_after(pruned):
    kind, folder = pruned
    found = result(folder)
    before, after = found["pruning"]["before"], found["pruning"]["after"]
    assert after["non_zero"] < before["non_zero"] * 0.7
    assert (after["parameters"] < before["parameters"]) == (kind == "structured")
    for one in (before, after):
        assert one["latency_ms"] > 0
        assert 0 <= one["validation_accuracy"] <= 1
    assert found["epochs"] == 5
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == list("12345")
    assert [row["phase"] for row in rows] == ["training"] * 3 + ["pruned"] * 2
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(steps)
    assert steps[-1] == found["steps"]
    told = [one for one in events(folder) if one["kind"] == "epoch"]
    assert [one["epoch"] for one in told] == [1, 2, 3, 4, 5]
    assert 4 <= found["chosen_epoch"] <= 5


def test_the_pruned_network_is_the_one_that_is_kept(pruned):
    kind, folder = pruned
    said, weights = about(folder)
    network = build(JobConfig.model_validate(said["config"]), 4)
    network.load_state_dict(weights)
    given = JobConfig.model_validate({**DIGITS, "pruning": PRUNINGS[kind]})
    assert said["config"]["optimizer"] == given.optimizer.model_dump()
    assert said["config"]["epochs"] == given.epochs
    zeros = sum(int((weight == 0).sum()) for weight in network.parameters() if weight.ndim > 1)
    assert (zeros > 1000) == (kind == "magnitude")
    assert result(folder)["parameters"] == sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("step", [2, 14, 17])
def test_cancelled_in_either_stage_then_resumed(pruned, numbers, tmp_path, monkeypatch, step):
    kind, finished = pruned
    folder = write_job(tmp_path, numbers, {**DIGITS, "pruning": PRUNINGS[kind]})
    taken, take = 0, engine.train_step

    def taking(*arguments):
        nonlocal taken
        if taken == step:
            signal.raise_signal(signal.SIGTERM)
        taken += 1
        take(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_step", taking)
        assert run.main(folder) == 3
    assert run.main(folder) == 0
    started = [one for one in events(folder) if one["kind"] == "started"]
    assert [one["step"] for one in started] == [0, step + 1]
    for name in ("weights.safetensors", "predictions.parquet"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize("pays", [True, False])
def test_compiles_where_it_was_asked_to_and_pays(numbers, tmp_path, monkeypatch, pays):
    compiled = []
    monkeypatch.setattr("training.fitting.compile_pays", lambda *_: pays)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    folder = write_job(tmp_path, numbers, {**DIGITS, "compile": "auto"})
    assert run.main(folder) == 0
    assert len(compiled) == pays
    assert json.loads((folder / "config.json").read_text())["compiled"] == pays
