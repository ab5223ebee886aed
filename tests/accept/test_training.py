"""The shipped recipes on real data, cut short: full runs are rows of `make bench`."""

from pathlib import Path
from typing import Any

import pytest

from training import bench_accuracy, recipes


@pytest.fixture
def found(data: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATA_DIR", str(data))

    def run(recipe: str, epochs: int) -> float:
        config = recipes.read(recipe).config.model_copy(update={"epochs": epochs})
        if config.reads_texts:
            train, test = (bench_accuracy.banking(name) for name in ("train", "test"))
            splits = bench_accuracy.tokenised(config, train, test)
        else:
            splits = bench_accuracy.fashion()
        return bench_accuracy.run(config, *splits)["accuracy"]

    return run


def test_clothes_after_one_epoch(found: Any) -> None:
    assert found("fashion-mnist", 1) > 85


def test_questions_to_a_bank_after_four_epochs(found: Any) -> None:
    assert found("banking77-transformer", 4) > 75
