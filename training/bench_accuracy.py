"""What shipped recipes reach on real data, on the cores of this machine.

``DATA_DIR`` names the folder with ``fashion-mnist.tar.zst`` and ``banking77.tar.zst``. The recipes were
tuned on a part of the official training splits; here they train on all of them and each run reads the
test split once, at its end.
"""

import csv
import gzip
import io
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from training import engine, recipes
from training.config import JobConfig
from training.data.batch import Split
from training.data.images import Images
from training.data.texts import Texts
from training.data.tokenizer import learn
from training.device import keep_freed_memory
from training.evaluation import accuracy, evaluate
from training.pulse import Pulse

SEEDS = (0, 1, 2)
CPU = torch.device("cpu")


def fashion_mnist() -> dict[str, Any]:
    """Mean test accuracy on Fashion-MNIST's official split, in per cent."""
    runs = _runs("fashion-mnist", *fashion())
    value = _mean(runs)
    return {
        "name": "fashion_mnist",
        "value": round(value, 3),
        "unit": "% accuracy",
        "target": "≥ 92.5",
        "met": value >= 92.5,
        "rounds": len(SEEDS),
        "detail": _told(runs),
    }


def fashion_mnist_seconds() -> dict[str, Any]:
    """Wall-clock seconds of one such run, from weights to test accuracy; decoding is not in it."""
    runs = _runs("fashion-mnist", *fashion(), seeds=(0,))
    return {
        "name": "fashion_mnist_seconds",
        "value": round(runs[0]["seconds"], 1),
        "unit": "s",
        "target": None,
        "met": None,
        "rounds": 1,
        "detail": _told(runs),
    }


def banking77() -> dict[str, Any]:
    """Mean test accuracy on BANKING77's official split, in per cent, of the better network; beside
    it both networks, and logistic regression on TF-IDF of words, and of words and characters."""
    train, test = (banking(name) for name in ("train", "test"))
    networks = {
        name: _runs(name, *tokenised(recipes.read(name).config, train, test))
        for name in ("banking77-lstm", "banking77-transformer")
    }
    means = {name: _mean(runs) for name, runs in networks.items()}
    baselines = _tfidf(train, test)
    everything = means | baselines
    value = max(means.values())
    return {
        "name": "banking77",
        "value": round(value, 3),
        "unit": "% accuracy",
        "target": "≥ 90, Transformer ≥ 87",
        "met": value >= 90 and means["banking77-transformer"] >= 87,
        "rounds": len(SEEDS),
        "detail": {
            "table": {name: round(mean, 2) for name, mean in everything.items()},
            "best": max(everything, key=everything.__getitem__),
            **{name: _told(runs) for name, runs in networks.items()},
        },
    }


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    row.__name__: row for row in (fashion_mnist, fashion_mnist_seconds, banking77)
}


# ---------------------------------------------------------------------------- runs


def _runs(
    recipe: str, train: Split, test: Split, seeds: Sequence[int] = SEEDS
) -> list[dict[str, float]]:
    torch.set_num_threads(os.cpu_count() or 1)  # nothing else runs while a row does
    keep_freed_memory()
    config = recipes.read(recipe).config
    return [run(config.model_copy(update={"seed": seed}), train, test) for seed in seeds]


def run(config: JobConfig, train: Split, test: Split) -> dict[str, float]:
    """Train on all of ``train``; the accuracy on ``test`` in per cent, and seconds."""
    began, used = time.monotonic(), time.process_time()
    classes = int(train.labels.max()) + 1
    trained = engine.start(config, classes, train, None, CPU)
    engine.train(trained, Pulse())
    found = accuracy(evaluate(trained.network, test), test.labels)
    return {
        "accuracy": 100 * found,
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - used,
    }


def _mean(runs: list[dict[str, float]]) -> float:
    return statistics.mean(one["accuracy"] for one in runs)


def _told(runs: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "accuracies": [round(one["accuracy"], 2) for one in runs],
        "deviation": round(statistics.stdev(one["accuracy"] for one in runs), 3)
        if len(runs) > 1
        else None,
        "seconds": [round(one["seconds"], 1) for one in runs],
        "cpu_seconds": [round(one["cpu_seconds"], 1) for one in runs],
        "threads": torch.get_num_threads(),
    }


# ---------------------------------------------------------------------------- data


def _unpacked(archive: str) -> dict[str, bytes]:
    """The files of an archive in ``DATA_DIR``, by their last name."""
    folder = os.environ.get("DATA_DIR")
    if not folder:
        raise RuntimeError("DATA_DIR must name the folder with the real data")
    path, found = str(Path(folder) / archive), {}
    listed = subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True)
    for name in listed.stdout.split():
        command = ["tar", "-xOf", path, name]
        if not name.endswith("/"):
            content = subprocess.run(command, check=True, capture_output=True).stdout
            found[Path(name).name] = content
    return found


def fashion() -> tuple[Images, Images]:
    """Fashion-MNIST's official train and test split."""
    files = _unpacked("fashion-mnist.tar.zst")

    def split(name: str) -> Images:
        pixels = _idx(files[f"{name}-images-idx3-ubyte.gz"], 16).reshape(-1, 28, 28, 1)
        labels = _idx(files[f"{name}-labels-idx1-ubyte.gz"], 8).astype(np.int64)
        return Images(torch.from_numpy(pixels), torch.from_numpy(labels))

    return split("train"), split("t10k")


def _idx(content: bytes, header: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(content), np.uint8, offset=header).copy()


Rows = tuple[list[str], list[str]]


def banking(split: str) -> Rows:
    """Texts and intents of BANKING77's official split."""
    text = _unpacked("banking77.tar.zst")[f"{split}.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def tokenised(config: JobConfig, train: Rows, test: Rows) -> tuple[Texts, Texts]:
    """Both splits as tokens."""
    tokenizer = learn(train[0], config.text)  # of the training split alone
    classes = sorted(set(train[1]))

    def split(rows: Rows) -> Texts:
        ids, lengths = tokenizer.flat(rows[0])
        ends = torch.from_numpy(lengths).cumsum(0)
        labels = torch.tensor([classes.index(label) for label in rows[1]])
        offsets = torch.cat((torch.zeros(1, dtype=torch.int64), ends))
        return Texts(torch.from_numpy(ids.astype(np.int64)), offsets, labels)

    return split(train), split(test)


def _tfidf(train: Rows, test: Rows) -> dict[str, float]:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    found = {}
    for name, features in (
        ("tfidf-words", words),
        ("tfidf-words-and-characters", make_union(words, letters)),
    ):
        model = make_pipeline(features, LogisticRegression(C=30, max_iter=2000))
        model.fit(*train)
        found[name] = 100 * float(model.score(*test))
    return found
