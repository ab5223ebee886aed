"""The loop: it learns, it repeats itself bit for bit, it survives interruption."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from sklearn.datasets import load_digits

from training import checkpoint, engine
from training.config import (
    CNN,
    SGD,
    Adagrad,
    Adam,
    Augmentation,
    Constant,
    ConvBlock,
    Cosine,
    Image,
    JobConfig,
    Momentum,
    Muon,
    OneCycle,
    ResNet,
)
from training.data.images import Images
from training.data.texts import Texts
from training.errors import Cancelled, TrainingError
from training.evaluation import accuracy, evaluate
from training.models.measure import measure_pixels
from training.pulse import Pulse
from training.schedule import learning_rate
from training.snapshot import from_checkpoint, to_checkpoint
from training.tests.strategies import EVERY_CONFIG

CPU = torch.device("cpu")
GREY8 = Image(size=8, channels="grey")


def digits(first: int, last: int) -> Images:
    data = load_digits()
    order = np.random.default_rng(5).permutation(len(data.target))[first:last]
    images = np.minimum(data.images[order] * 16, 255).astype(np.uint8)[..., None]
    return Images(torch.from_numpy(images), torch.from_numpy(data.target[order]))


def noise(count: int, config: JobConfig, classes: int = 3) -> Images:
    size, depth = config.image.size, config.image.depth
    source = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, size, size, depth), generator=source)
    return Images(images.to(torch.uint8), torch.arange(count) % classes)


def words(count: int, config: JobConfig, classes: int = 3) -> Texts:
    source = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, config.text.max_length + 1, (count,), generator=source)
    tokens = torch.randint(1, config.text.vocabulary, (int(lengths.sum()),), generator=source)
    ends = torch.cat((torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)))
    return Texts(tokens, ends, torch.arange(count) % classes)


def weights(run: engine.Run) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in run.network.state_dict().items()}


def same(left: dict, right: dict) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("seed", [0, 1])
def test_learns_the_digits_in_seconds(seed):
    run = engine.start(
        JobConfig(image=GREY8, seed=seed), 10, digits(0, 1300), digits(1300, 1500), CPU
    )
    began = time.process_time()
    engine.train(run, Pulse())
    test = digits(1500, 1797)
    assert accuracy(evaluate(run.network, test), test.labels) > 0.95
    assert time.process_time() - began < 30


MODEL = CNN(blocks=(ConvBlock(channels=6), ConvBlock(channels=8)), dense=(16,), dropout=0.3)
SMALL = JobConfig(
    model=MODEL.model_copy(update={"norm": "batch"}),
    image=Image(size=12),
    augmentation=Augmentation(flip=True, translate=0.2, rotate=20, zoom=0.1),
    epochs=3,
    batch_size=8,
    seed=7,
)


def small(**changes) -> engine.Run:
    config = SMALL.model_copy(update=changes)
    return engine.start(config, 3, noise(44, config), noise(9, config), CPU)


def test_the_same_seed_gives_the_same_bits():
    first, second, other = small(), small(), small(seed=8)
    for run in (first, second, other):
        engine.train(run, Pulse())
    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other))


def test_reported_losses_are_those_of_the_steps(monkeypatch):
    """Reported after every step, their mean is the epoch's loss; a sum started anew is no loss."""
    monkeypatch.setattr("training.pulse.REPORT_SECONDS", 0.0)
    losses: dict[int, list[float]] = {}
    rows: list[dict] = []

    def report(kind: str, **values) -> None:
        if kind == "step":
            losses.setdefault(values["epoch"], []).append(values["loss"])
        elif kind == "epoch":
            rows.append(values)

    engine.train(small(), Pulse(report=report))
    assert len(rows) == 3
    for row in rows:
        found = losses[row["epoch"]]
        assert min(found) > 0
        assert sum(found) / len(found) == pytest.approx(row["train_loss"])


OPTIMIZERS = [SGD(), Momentum(), Adagrad(), Adam(), Muon(), SMALL.optimizer]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one.kind)
@pytest.mark.parametrize("cut", [1, 5, 7, 14])
def test_a_resumed_run_gives_the_same_bits(tmp_path, optimizer, cut):
    whole = small(optimizer=optimizer)
    engine.train(whole, Pulse())

    half = small(optimizer=optimizer)
    with pytest.raises(Cancelled):
        engine.train(half, Pulse(save=_saver(tmp_path), stopped=lambda: half.step >= cut))
    assert half.step == cut
    found = checkpoint.load_latest(tmp_path, {})
    assert found is not None
    resumed = small(optimizer=optimizer)
    from_checkpoint(resumed, *found)
    engine.train(resumed, Pulse())

    assert same(weights(whole), weights(resumed))
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert resumed.best["epoch"] == whole.best["epoch"]


def _saver(folder):
    def save(run):
        tensors, state = to_checkpoint(run)
        checkpoint.save(folder, f"{run.step:010d}-{len(run.history):06d}", tensors, state)

    return save


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVERY_CONFIG)
def test_any_valid_configuration_steps_and_survives_a_checkpoint(config):
    def fresh():
        data = words(20, config) if config.reads_texts else noise(20, config)
        return engine.start(config, 3, data, None, CPU)

    run = fresh()
    with pytest.raises(Cancelled):
        engine.train(run, Pulse(stopped=lambda: True))
    assert run.step == 1
    assert all(value.isfinite().all() for value in weights(run).values())
    tensors, state = to_checkpoint(run)
    again = fresh()
    from_checkpoint(again, tensors, json.loads(json.dumps(state)))
    assert same(weights(run), weights(again))
    left, right = to_checkpoint(run)[0], to_checkpoint(again)[0]
    assert same(left, right)


def test_resnets_learn_too():
    train = digits(0, 512)
    config = JobConfig(model=ResNet(width=8), image=GREY8, epochs=4, batch_size=32)
    run = engine.start(config, 10, train, None, CPU)
    engine.train(run, Pulse())
    assert run.history[-1]["train_accuracy"] > 0.9


def test_keeps_the_best_epoch_by_validation():
    run = small(epochs=4)
    engine.train(run, Pulse())
    best = max(run.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]))
    logits = evaluate(run.network, run.validation)
    assert accuracy(logits, run.validation.labels) == best["validation_accuracy"]
    assert run.best["epoch"] == best["epoch"]


def test_keeps_the_last_epoch_without_validation():
    run = engine.start(SMALL, 3, noise(44, SMALL), None, CPU)
    engine.train(run, Pulse())
    assert run.best is None
    assert run.history[-1]["validation_accuracy"] is None


def test_norms_and_biases_do_not_decay():
    run = small()
    decaying, free = run.optimizer.param_groups
    assert decaying["weight_decay"] > 0
    assert free["weight_decay"] == 0
    assert all(weight.ndim > 1 for weight in decaying["params"])
    assert {weight.ndim for weight in free["params"]} == {1}


def test_a_loss_that_is_no_number_stops_the_run():
    run = small(optimizer=SGD(learning_rate=10), schedule=Constant(), epochs=30)
    with torch.no_grad():
        next(run.network.body.parameters()).fill_(math.inf)
    with pytest.raises(TrainingError) as caught:
        engine.train(run, Pulse())
    assert caught.value.code == "non_finite_loss"


def test_one_small_step_where_there_is_less_than_a_batch():
    run = engine.start(SMALL, 3, noise(5, SMALL), None, CPU)
    assert (run.batch, run.steps) == (5, 3)
    engine.train(run, Pulse())
    assert run.step == 3


def test_pixels_are_measured_per_channel():
    images = torch.zeros(4, 8, 8, 3, dtype=torch.uint8)
    images[..., 1] = 7
    images[:2, ..., 2] = 200
    mean, deviation = measure_pixels(images)
    assert mean.tolist() == [0, 7, 100]
    assert deviation.tolist() == [0, 0, 100]


def test_schedules_rise_and_fall():
    def rates(schedule):
        return [learning_rate(schedule, 1.0, step, 100) for step in range(100)]

    assert set(rates(Constant())) == {1.0}
    assert rates(Constant(warmup=0.1))[:3] == pytest.approx([1 / 11, 2 / 11, 3 / 11])
    cosine = rates(Cosine(warmup=0.1))
    assert max(cosine) == cosine[10] == 1.0
    assert cosine[99] < 0.001
    cycle = rates(OneCycle(warmup=0.25))
    assert cycle[0] == pytest.approx(1 / 25)
    assert max(cycle) == cycle[25] == 1.0
    assert cycle[:26] == sorted(cycle[:26])
    assert cycle[25:] == sorted(cycle[25:], reverse=True)
    assert learning_rate(OneCycle(), 1.0, 0, 1) > 0


WRITER = """
import sys, torch
from pathlib import Path
from training import checkpoint
folder, tensors = Path(sys.argv[1]), {"big": torch.zeros(2_000_000)}
for step in range(1, 10_000):
    tensors["big"].fill_(step)
    checkpoint.save(folder, f"{step:010d}-000000", tensors, {"step": step})
    print(step, flush=True)
"""


def test_a_kill_while_writing_leaves_a_checkpoint_that_loads(tmp_path):
    for delay in (0.001, 0.004, 0.009):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        with process:
            for _ in range(3):
                written = int(process.stdout.readline())
            time.sleep(delay)  # somewhere inside the next one
            process.send_signal(signal.SIGKILL)
        tensors, state = checkpoint.load_latest(tmp_path, {})
        assert state["step"] >= written
        assert (tensors["big"] == state["step"]).all()
        assert not list(tmp_path.glob(".*"))
        for path in tmp_path.iterdir():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(
            tmp_path, f"{step}-0", {"x": torch.full((4,), step)}, {"step": step, "id": 1}
        )
    assert sorted(os.listdir(tmp_path)) == ["2-0", "3-0"]
    path = tmp_path / "3-0" / "tensors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    tensors, state = checkpoint.load_latest(tmp_path, {"id": 1})
    assert (state["step"], tensors["x"][0]) == (2, 2)
    assert checkpoint.load_latest(tmp_path, {"id": 2}) is None  # another run's
