"""What the engine costs and gains, against loops that somebody would write by hand.

Two loops take turns step by step in one process, so that a busy neighbour slows both alike; the median
of the rounds' ratios decides. On a CPU the ratio is taken over CPU-seconds, one thread: on a shared
machine wall-clock time measures the neighbours. Images are noise, never zeros, which some processors
multiply faster.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from PIL import ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from training import checkpoint, engine
from training.config import AdamW, Augmentation, Constant, JobConfig, ResNet
from training.data.images import Images
from training.data.sampler import derive_seed
from training.device import autocast, has_bf16, keep_freed_memory
from training.engine import Run
from training.journal import Journal
from training.models import build, measure
from training.pulse import Pulse
from training.snapshot import to_checkpoint

CLASSES = 10
SHIFT = 4  # pixels, at 32 × 32
RATE = 0.003
CONFIG = JobConfig(
    optimizer=AdamW(learning_rate=RATE, weight_decay=0.01),
    schedule=Constant(),  # as the others have it: what a network has learnt decides how fast it is
    augmentation=Augmentation(flip=True, translate=SHIFT / 32),
    epochs=1000,
    batch_size=128,
)
SAMPLES = 50_000  # as many as CIFAR-10 has, so that no cache holds them
FILES = 2048
RESNET9 = CONFIG.model_copy(update={"model": ResNet(), "batch_size": 32})

Loop = Callable[[JobConfig, Images], Iterator[None]]


def engine_vs_bare() -> dict[str, Any]:
    """The engine, its events and checkpoints on, over a bare loop that does the same work."""
    return _compare("engine_vs_bare", CONFIG, _bare, target=0.97)


def engine_vs_fixed_batch() -> dict[str, Any]:
    """Over a loop that trains on one batch for ever, and so has no input work at all: ResNet-9."""
    return _compare("engine_vs_fixed_batch", RESNET9, _fixed, target=0.95, rounds=9, steps=2)


def engine_vs_fixed_batch_cnn() -> dict[str, Any]:
    """The same for the small CNN, whose steps are so short that input shows most."""
    return _compare("engine_vs_fixed_batch_cnn", CONFIG, _fixed, target=0.93)


def engine_vs_naive() -> dict[str, Any]:
    """Over PNG files, PIL and a DataLoader in float32 and NCHW; with bf16 where the machine has it."""
    device = _device()
    target = 10.0 if device.type == "cuda" else 2.5 if has_bf16(device) else 1.6
    return _compare("engine_vs_naive", CONFIG, _naive, target=target, rounds=7)


def engine_vs_naive_float32() -> dict[str, Any]:
    """The same with the engine held to float32: what a machine without bf16 gains."""
    config = CONFIG.model_copy(update={"precision": "float32"})
    return _compare("engine_vs_naive_float32", config, _naive, target=1.6, rounds=7)


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    row.__name__: row
    for row in (
        engine_vs_bare,
        engine_vs_fixed_batch,
        engine_vs_fixed_batch_cnn,
        engine_vs_naive,
        engine_vs_naive_float32,
    )
}


# ---------------------------------------------------------------------------- turns


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _compare(
    name: str, config: JobConfig, other: Loop, *, target: float, rounds: int = 15, steps: int = 8
) -> dict[str, Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            seconds = _measure(Path(folder), config, other, rounds, steps)
    finally:
        torch.set_num_threads(threads)
    ratios = [theirs / mine for mine, theirs in seconds]
    value, samples = statistics.median(ratios), steps * config.batch_size
    ours, others = (statistics.median(column) for column in zip(*seconds, strict=True))
    return {
        "name": name,
        "value": round(value, 4),
        "unit": "ratio of images/s",
        "target": f"≥ {target}",
        "met": value >= target,
        "rounds": rounds,
        "detail": {
            "device": _device().type,
            "clock": "cpu" if _device().type == "cpu" else "wall",
            "bf16": config.precision == "auto" and has_bf16(_device()),
            "ratios": [round(ratio, 4) for ratio in ratios],
            "engine_images_per_second": round(samples / ours),
            "other_images_per_second": round(samples / others),
            "load": round(os.getloadavg()[0], 2),
            "torch": torch.__version__,
        },
    }


def _measure(
    folder: Path, config: JobConfig, other: Loop, rounds: int, steps: int
) -> list[tuple[float, float]]:
    keep_freed_memory()  # as a run does; both loops gain
    device = _device()
    data = _pictures(config, FILES if other is _naive else SAMPLES, device)
    run = engine.start(config, CLASSES, data, None, device)
    turns = _Turns(_pulse(folder), other(config, data), device)
    # The first round chooses algorithms and fills caches.
    seconds = [_round(run, turns, epoch, steps) for epoch in range(rounds + 1)]
    return seconds[1:]


def _pictures(config: JobConfig, count: int, device: torch.device) -> Images:
    """Smooth pictures, as photographs are; of noise a PNG would be larger than its pixels."""
    size, depth = config.image.size, config.image.depth
    source = torch.Generator().manual_seed(0)
    rough = torch.randint(0, 256, (count, depth, 8, 8), generator=source, dtype=torch.uint8)
    pixels = torch.cat([_enlarged(part, size) for part in rough.split(2048)])
    labels = torch.randint(0, CLASSES, (count,), generator=source)
    return Images(pixels.to(device), labels.to(device))


def _enlarged(rough: Tensor, size: int) -> Tensor:
    smooth = F.interpolate(rough.float(), size, mode="bilinear")
    return smooth.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class _Turns:
    """Hears of each of the engine's steps, and has the other loop take one of its own."""

    def __init__(self, pulse: Pulse, other: Iterator[None], device: torch.device) -> None:
        self.pulse, self.other, self.device = pulse, other, device
        self.ours = self.theirs = self.last = 0.0

    def begin(self, run: Run) -> None:
        self.pulse.begin(run)
        self.ours = self.theirs = 0.0
        self.last = self.now()

    def step(self, run: Run) -> None:
        self.pulse.step(run)
        mine = self.now()
        next(self.other)
        theirs = self.now()
        self.ours += mine - self.last
        self.theirs += theirs - mine
        self.last = theirs

    def now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


def _round(run: Run, turns: _Turns, epoch: int, steps: int) -> tuple[float, float]:
    """Seconds of the engine's first steps of an epoch and of as many of the other loop. What is drawn
    once for an epoch of many hundred steps is not in it; writing a checkpoint, once, is."""
    draws = run.train.draw(run.config, epoch, run.device)
    run.network.train()
    turns.begin(run)
    for number in range(steps):
        engine.train_step(run, draws, number)
        run.step += 1
        turns.step(run)
    return turns.ours, turns.theirs


def _pulse(folder: Path) -> Pulse:
    """All that a run adds to the loop: events, the look at the stop flag, checkpoints."""
    journal = Journal(folder)

    def save(run: Run) -> None:
        checkpoint.save(folder / "checkpoint", f"{run.step:010d}-0", *to_checkpoint(run))

    return Pulse(journal.event, save)


# ---------------------------------------------------------------------------- the others


def _steps(
    config: JobConfig, network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], cast: Any
) -> Iterator[None]:
    optimizer = torch.optim.AdamW(network.parameters(), RATE, fused=True)
    network.train()
    for number, (pixels, labels) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.999999**number
        with cast():
            loss = F.cross_entropy(network(pixels), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield


def _network(config: JobConfig, data: Images) -> nn.Module:
    """The weights that the engine begins with: which numbers are zero decides how fast it is."""
    torch.manual_seed(derive_seed("weights", config.seed))
    network = build(config, CLASSES)
    measure(network, data)
    # torch declares this overload of to() for tensors only
    return network.to(device=data.pixels.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _bare(config: JobConfig, data: Images) -> Iterator[None]:
    """The same batches and the same step as somebody would write them for this one job."""
    cast = partial(autocast, data.pixels.device, config.precision)
    return _steps(config, _network(config, data), _bare_batches(config, data), cast)


def _bare_batches(config: JobConfig, data: Images) -> Iterator[tuple[Tensor, Tensor]]:
    for epoch in itertools.count():
        draws = data.draw(config, epoch, data.pixels.device)
        for number in range(len(draws)):
            batch = data.batch(draws, number)
            yield batch.inputs, batch.labels


def _fixed(config: JobConfig, data: Images) -> Iterator[None]:
    """The same step on images that lie ready; their labels change, or it would know them by heart."""
    pixels = data.pixels[: config.batch_size].permute(0, 3, 1, 2).float()
    ready = pixels.contiguous(memory_format=torch.channels_last)
    labels = itertools.cycle(data.labels.split(config.batch_size)[:-1])
    cast = partial(autocast, data.pixels.device, config.precision)
    return _steps(config, _network(config, data), ((ready, each) for each in labels), cast)


class _Files(Dataset[tuple[Tensor, int]]):
    """PNG files, opened, changed and made numbers of one by one."""

    def __init__(self, folder: Path, data: Images) -> None:
        self.labels = data.labels.tolist()
        self.paths = [folder / f"{number}.png" for number in range(len(data))]
        for path, pixels in zip(self.paths, data.pixels.cpu().numpy(), strict=True):
            Pillow.fromarray(pixels).save(path)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        with Pillow.open(self.paths[number]) as file:
            picture = file.convert("RGB")
        if torch.rand(()) < 0.5:
            picture = ImageOps.mirror(picture)
        side, (x, y) = picture.width, torch.randint(0, 2 * SHIFT + 1, (2,)).tolist()
        picture = ImageOps.expand(picture, SHIFT).crop((x, y, x + side, y + side))
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div(255)
        return (pixels - 0.5) / 0.25, self.labels[number]


def _naive(config: JobConfig, data: Images) -> Iterator[None]:
    """Files, PIL, a DataLoader, float32 and NCHW, as in many a tutorial."""
    device = data.pixels.device
    with tempfile.TemporaryDirectory() as folder:
        files = _Files(Path(folder), data)
        loader = DataLoader(files, config.batch_size, shuffle=True, drop_last=True)
        # The body alone: these pixels are normalised one by one, as they are read.
        network = build(config, CLASSES).get_submodule("body").to(device)
        batches = (
            (pixels.to(device), labels.to(device))
            for _epoch in itertools.count()
            for pixels, labels in loader
        )
        yield from _steps(config, network, batches, partial(autocast, device, "float32"))


if __name__ == "__main__":
    for row in ROWS.values():
        print(row())
