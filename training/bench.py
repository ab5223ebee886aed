"""What the engine costs over a bare loop doing the same work.

The two take turns step by step in one process, so that a busy neighbour slows both alike; the median of
the rounds' ratios decides. On a CPU the ratio is taken over CPU-seconds, one thread: on a shared machine wall-clock time
measures the neighbours. Images are noise, never zeros, which some processors multiply faster.
"""

import itertools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from training import checkpoint, engine
from training.config import Augmentation, JobConfig
from training.engine import Run, Split
from training.journal import Journal
from training.models import build
from training.pulse import Pulse

ROUNDS = 15
STEPS = 8  # per round and variant
CLASSES = 10
TARGET = 0.97


def engine_vs_bare() -> dict[str, Any]:
    """Training images per second: the engine, its events and checkpoints on, over a bare loop."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _engine_vs_bare(Path(folder))
    finally:
        torch.set_num_threads(threads)


def _engine_vs_bare(folder: Path) -> dict[str, Any]:
    config = JobConfig(augmentation=Augmentation(flip=True, translate=0.1), epochs=1000)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = _noise(config, device)
    run = engine.start(config, CLASSES, data, None, device)
    turns = _Turns(_pulse(folder), _bare_steps(config, data), device)
    _epoch(run, turns)  # the first choose algorithms and fill caches
    seconds: list[tuple[float, float]] = [_epoch(run, turns) for _ in range(ROUNDS)]
    ours, bare = zip(*seconds, strict=True)
    ratios = [theirs / mine for mine, theirs in seconds]
    value = statistics.median(ratios)
    images = STEPS * config.batch_size
    return {
        "name": "engine_vs_bare",
        "value": round(value, 4),
        "unit": "ratio of images/s",
        "target": f"≥ {TARGET}",
        "met": value >= TARGET,
        "rounds": ROUNDS,
        "detail": {
            "device": device.type,
            "clock": "cpu" if device.type == "cpu" else "wall",
            "ratios": [round(ratio, 4) for ratio in ratios],
            "engine_images_per_second": round(images / statistics.median(ours)),
            "bare_images_per_second": round(images / statistics.median(bare)),
            "load": round(os.getloadavg()[0], 2),
            "torch": torch.__version__,
        },
    }


def _noise(config: JobConfig, device: torch.device) -> Split:
    size, depth = config.image.size, config.image.depth
    count = STEPS * config.batch_size
    images = torch.randint(0, 256, (count, size, size, depth), dtype=torch.uint8)
    return Split(images.to(device), torch.randint(0, CLASSES, (count,)).to(device))


class _Turns:
    """Hears of each of the engine's steps, and has the bare loop take one of its own."""

    def __init__(self, pulse: Pulse, bare: Iterator[None], device: torch.device) -> None:
        self.pulse, self.bare, self.device = pulse, bare, device
        self.ours = self.theirs = self.last = 0.0

    def begin(self, run: Run) -> None:
        self.pulse.begin(run)
        self.ours = self.theirs = 0.0
        self.last = self.now()

    def step(self, run: Run) -> None:
        self.pulse.step(run)
        mine = self.now()
        next(self.bare)
        theirs = self.now()
        self.ours += mine - self.last
        self.theirs += theirs - mine
        self.last = theirs

    def epoch(self, run: Run) -> None:
        """Not reached: only steps are measured."""

    def now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


def _epoch(run: Run, turns: _Turns) -> tuple[float, float]:
    """Seconds of the engine's epoch and of the bare loop's."""
    turns.begin(run)
    engine.train_epoch(run, turns)
    run.history.append({})
    return turns.ours, turns.theirs


def _pulse(folder: Path) -> Pulse:
    """All that a run adds to the loop: events, the look at the stop flag, checkpoints."""
    journal = Journal(folder)

    def save(run: Run) -> None:
        checkpoint.save(folder / "checkpoint", f"{run.step:010d}-0", *engine.to_checkpoint(run))

    return Pulse(journal.event, save)


def _bare_steps(config: JobConfig, data: Split) -> Iterator[None]:
    """The same gather, changes and step as somebody would write them for this one job."""
    device, batch, size = data.images.device, config.batch_size, config.image.size
    network = build(config.model, config.image, CLASSES)
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), 0.003, fused=True)
    most = math.ceil(config.augmentation.translate * size)
    positions = torch.arange(size, device=device)
    steps = itertools.count()

    def moved(count: int) -> torch.Tensor:
        shifts = torch.randint(-most, most + 1, (count, 1), device=device)
        found = (positions + shifts).abs()
        return size - 1 - (size - 1 - found).abs()

    network.train()
    while True:
        order = torch.randperm(len(data), device=device)
        rows, columns = moved(len(data)), moved(len(data))
        mirrored = torch.rand((len(data), 1), device=device) < 0.5
        columns = torch.where(mirrored, size - 1 - columns, columns)
        for start in range(0, len(data) - batch + 1, batch):
            chosen = order[start : start + batch]
            y = rows[start : start + batch, :, None]
            x = columns[start : start + batch, None, :]
            pixels = data.images[chosen[:, None, None], y, x].float().permute(0, 3, 1, 2)
            for group in optimizer.param_groups:
                group["lr"] = 0.003 * math.cos(next(steps) / 1e6)
            with engine.autocast(device):
                loss = F.cross_entropy(network(pixels), data.labels[chosen])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            yield


ROWS: dict[str, Callable[[], dict[str, Any]]] = {"engine_vs_bare": engine_vs_bare}


if __name__ == "__main__":
    for row in ROWS.values():
        print(row())
