"""What a run leaves behind, as somebody finds it who has nothing but the files."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from training import results
from training.config import CNN, ConvBlock, JobConfig
from training.data.manifest import HIDDEN, SPLITS
from training.job import Job

CLASSES = ["cat", "dog", "owl"]
COUNTS = {"train": 4, "validation": 6, "test": 8}


def a_pack(labels=None, counts=COUNTS, sources=None):
    """A pack as far as results look at one: 18 samples from three sources, every class in turn."""
    total = sum(counts.values())

    def rows(split):
        start = sum(counts[name] for name in SPLITS[: SPLITS.index(split)])
        return slice(start, start + counts[split])

    return SimpleNamespace(
        labels=np.arange(total) % 3 if labels is None else labels,
        samples=[f"{number:064x}" for number in range(total)],
        sources=sources or [(None, "", "north", "south")[number % 4] for number in range(total)],
        counts=counts,
        rows=rows,
    )


def a_job(classes=CLASSES, **more):
    place = {"manifest": "/nowhere", "blobs": "/nowhere", "packs": "/nowhere", "digest": "d"}
    return Job(config=JobConfig(), classes=classes, **place, **more)


def predictions(*names, classes=3, seed=0):
    """Probabilities of what has been predicted, drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: results.to_probabilities(
            torch.randn(COUNTS[name.removesuffix("_tta")], classes, generator=generator) * 3
        )
        for name in names
    }


BOTH = predictions("validation", "test")


def written(folder, pack, job, found=BOTH):
    path = folder / "predictions.parquet"
    results.write_predictions(path, pack, job, found)
    return pq.read_table(path)


def sealed_pack():
    pack = a_pack()
    pack.labels[pack.rows("test")] = HIDDEN
    return pack


SEALED = [
    pytest.param(sealed_pack(), a_job(), id="the pack has no labels"),
    pytest.param(a_pack(), a_job(seal=True), id="the job says so"),
]


# ---------------------------------------------------------------------------- predictions


def test_both_splits_are_kept_and_easily_told_apart(tmp_path):
    pack = a_pack()
    table = written(tmp_path, pack, a_job())
    assert json.loads(table.schema.metadata[b"classes"]) == CLASSES
    path = tmp_path / "predictions.parquet"
    for split in ("validation", "test"):
        rows = pq.read_table(path, filters=[("split", "=", split)]).to_pylist()
        where = pack.rows(split)
        assert [row["sample"] for row in rows] == pack.samples[where]
        assert [row["label"] for row in rows] == [CLASSES[label] for label in pack.labels[where]]
        assert [row["source"] for row in rows] == [one or None for one in pack.sources[where]]
        assert (np.float32([row["probabilities"] for row in rows]) == BOTH[split]).all()
        best = BOTH[split].argmax(1)
        assert [row["predicted"] for row in rows] == [CLASSES[number] for number in best]
    assert table.num_rows == COUNTS["validation"] + COUNTS["test"]
    groups = pq.ParquetFile(path)
    assert [groups.read_row_group(number).num_rows for number in range(2)] == [6, 8]


def test_augmented_predictions_stand_beside_the_plain_ones(tmp_path):
    found = BOTH | predictions("test_tta", seed=1)
    rows = written(tmp_path, a_pack(), a_job(), found).to_pylist()
    assert [row["probabilities_tta"] for row in rows[:6]] == [None] * 6
    assert (np.float32([row["probabilities_tta"] for row in rows[6:]]) == found["test_tta"]).all()
    best = found["test"].argmax(1)  # what is predicted, and ranked, is the plain model's answer
    assert [row["predicted"] for row in rows[6:]] == [CLASSES[number] for number in best]


def test_without_augmentation_and_validation_neither_is_written(tmp_path):
    table = written(tmp_path, a_pack(), a_job(), predictions("test"))
    assert table.column_names == [
        "sample", "split", "source", "label", "predicted", "probabilities",
    ]  # fmt: skip
    assert set(table.column("split").to_pylist()) == {"test"}


@pytest.mark.parametrize(("pack", "job"), SEALED)
def test_sealed_labels_are_not_written(tmp_path, pack, job):
    rows = written(tmp_path, pack, job).to_pylist()
    known = {split: [row["label"] for row in rows if row["split"] == split] for split in COUNTS}
    assert known["test"] == [None] * 8
    assert None not in known["validation"]


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    paths = [tmp_path / "one", tmp_path / "other"]
    for path in paths:
        results.write_predictions(path, a_pack(), a_job(), BOTH)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        {"test": torch.randn(8, 3).numpy()},  # logits
        {"test": BOTH["test"][:7]},
        BOTH | {"test_tta": BOTH["test"][:, :2]},
    ],
)
def test_refuses_what_are_no_probabilities_of_the_split(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"classes|probabilities"):
        written(tmp_path, a_pack(), a_job(), wrong)
    assert not list(tmp_path.iterdir())


def test_probabilities_add_up_to_one_however_large_the_logits():
    logits = torch.randn(20, 10_000) * torch.logspace(-2, 4, 20)[:, None]
    for given in (logits.requires_grad_(), logits.bfloat16(), logits.log_softmax(1)):
        found = results.to_probabilities(given)
        assert found.dtype == np.float32
        assert np.abs(found.sum(1, dtype=np.float64) - 1).max() < 1e-5
        assert (found.argmax(1) == given.argmax(1).numpy()).all()


# ---------------------------------------------------------------------------- metrics


def test_each_split_is_measured_by_source(tmp_path):
    found = results.measure(a_pack(), a_job(), BOTH)
    assert found.keys() == {"test", "validation"}
    table = written(tmp_path, a_pack(), a_job()).to_pylist()
    for split, scores in found.items():
        rows = [row for row in table if row["split"] == split]
        assert scores["support"] == len(rows)
        assert scores["accuracy"] == np.mean([row["label"] == row["predicted"] for row in rows])
        assert scores["per_class"].keys() == set(CLASSES)
        for source, ours in scores["per_source"].items():
            right = [row["label"] == row["predicted"] for row in rows if row["source"] == (source or None)]  # fmt: skip
            assert (ours["support"], ours["accuracy"]) == (len(right), np.mean(right))
    json.dumps(found, allow_nan=False)


def test_augmented_scores_appear_where_they_were_asked_for():
    augmented = predictions("test_tta", seed=1)
    found = results.measure(a_pack(), a_job(), BOTH | augmented)
    plain = results.measure(a_pack(), a_job(), {"test": augmented["test_tta"]})
    assert found["test_tta"] == plain["test"] != found["test"]
    assert plain["validation"] is None
    assert "test_tta" not in plain


@pytest.mark.parametrize(("pack", "job"), SEALED)
def test_sealed_labels_are_not_scored(pack, job):
    found = results.measure(pack, job, BOTH | predictions("test_tta"))
    assert found["test"] is found["test_tta"] is None
    assert found["validation"]["support"] == 6


def test_one_sealed_label_is_enough():
    pack = a_pack()
    pack.labels[-1] = HIDDEN
    assert results.report(pack, a_job(), "test", BOTH["test"]) is None


def test_an_empty_split_has_no_scores():
    pack = a_pack(counts={**COUNTS, "validation": 0})
    nothing = np.zeros((0, 3), np.float32)
    assert results.report(pack, a_job(), "validation", nothing) is None


# ---------------------------------------------------------------------------- the confusion matrix


def test_the_matrix_is_of_the_test_split(tmp_path):
    results.write_confusion(tmp_path / "confusion.json", a_pack(), a_job(), BOTH)
    found = json.loads((tmp_path / "confusion.json").read_text())
    assert (found["split"], found["classes"]) == ("test", CLASSES)
    scores = results.measure(a_pack(), a_job(), BOTH)["test"]
    assert [sum(row) for row in found["matrix"]] == [
        one["support"] for one in scores["per_class"].values()
    ]
    right = sum(found["matrix"][number][number] for number in range(3))
    assert right / 8 == scores["accuracy"]


@pytest.mark.parametrize(("pack", "job"), SEALED)
def test_where_labels_are_sealed_the_matrix_is_of_the_validation_split(tmp_path, pack, job):
    results.write_confusion(tmp_path / "confusion.json", pack, job, BOTH)
    found = json.loads((tmp_path / "confusion.json").read_text())
    assert found["split"] == "validation"
    assert sum(map(sum, found["matrix"])) == 6
    results.write_confusion(tmp_path / "none.json", pack, job, {"test": BOTH["test"]})
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize(("count", "exists"), [(1000, True), (1001, False)])
def test_a_matrix_of_very_many_classes_is_not_written(tmp_path, count, exists):
    job = a_job([f"class {number}" for number in range(count)])
    found = predictions("validation", "test", classes=count)
    results.write_confusion(tmp_path / "confusion.json", a_pack(), job, found)
    assert (tmp_path / "confusion.json").exists() is exists


# ---------------------------------------------------------------------------- weights and curves

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3).T, "seen": torch.tensor(7)}
PRUNED = JobConfig(model=CNN(blocks=(ConvBlock(channels=5),)))


def about(path):
    with safe_open(path, "pt") as header:
        assert header.metadata().keys() == {"training"}
        return json.loads(header.metadata()["training"])


def test_the_weights_say_what_was_built_and_how_texts_are_read(tmp_path):
    path = tmp_path / "weights.safetensors"
    results.write_weights(path, TENSORS, CLASSES, PRUNED, '{"pieces": ["é", "\\u732b"]}')
    found = about(path)
    assert JobConfig.model_validate_json(json.dumps(found["config"])) == PRUNED
    assert found["classes"] == CLASSES
    assert found["tokenizer"] == '{"pieces": ["é", "\\u732b"]}'
    loaded = load_file(path)
    assert all(torch.equal(loaded[name], TENSORS[name]) for name in TENSORS)


def test_the_weights_of_images_have_no_tokenizer(tmp_path):
    results.write_weights(tmp_path / "w", TENSORS, CLASSES, PRUNED)
    assert "tokenizer" not in about(tmp_path / "w")


def test_the_same_weights_give_the_same_bytes(tmp_path):
    results.write_weights(tmp_path / "one", TENSORS, CLASSES, PRUNED, "{}")
    again = dict(reversed(TENSORS.items()))
    results.write_weights(tmp_path / "other", again, CLASSES, PRUNED, "{}")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other"}


def test_curves_hold_what_each_epoch_said(tmp_path):
    row = dict.fromkeys(results.CURVES, 0.5) | {"epoch": 1, "validation_loss": None}
    pruned = row | {"epoch": 2, "learning_rate": 0.05, "phase": "pruned"}
    short = {key: value for key, value in row.items() if key != "phase"}
    results.write_curves(tmp_path / "metrics.csv", [row, pruned, short])
    found = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert tuple(found[0]) == results.CURVES
    assert found[0]["validation_loss"] == ""
    assert [one["learning_rate"] for one in found] == ["0.5", "0.05", "0.5"]
    assert [one["phase"] for one in found] == ["0.5", "pruned", ""]


def test_a_column_that_nobody_declared_is_refused(tmp_path):
    with pytest.raises(ValueError, match="surprise"):
        results.write_curves(tmp_path / "metrics.csv", [{"surprise": 1}])
