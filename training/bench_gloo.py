"""What a second process on the same machine brings, over one.

``torchrun`` starts two processes of one thread each. In turns, the first trains alone while the second
sleeps, and both train together, with as many samples for each of them as before. Wall-clock time
decides here, so a round during which other processes took more than ``FOREIGN`` of the machine's cores
is rejected and repeated.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from training import engine
from training.config import Augmentation, JobConfig
from training.data.images import Images
from training.device import keep_freed_memory, keep_to_own_cores
from training.pulse import Pulse
from training.world import World, join, part

CLASSES = 10
BATCHES = (128, 256)  # on each process; the last one counts
STEPS = 24
ROUNDS = 9
REJECTED = 40  # rounds; then the machine is too busy to tell
FOREIGN = 0.05  # of the two cores that are used
TARGET = 1.75
CPU = torch.device("cpu")
TICKS = os.sysconf("SC_CLK_TCK")


def gloo_2_vs_1() -> dict[str, Any]:
    """Images per second of two gloo processes over those of one, both of one thread."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
        logs = ("--log-dir", folder)
        subprocess.run(
            [sys.executable, *command, *logs, "-m", "training.bench_gloo", str(answer)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
        )
        found = json.loads(answer.read_text())
    ratios = found[str(BATCHES[-1])]["ratios"]
    value = statistics.median(ratios) if ratios else 0.0
    return {
        "name": "gloo_2_vs_1",
        "value": round(value, 4),
        "unit": "ratio of images/s",
        "target": f"≥ {TARGET}",
        "met": value >= TARGET and len(ratios) == ROUNDS,
        "rounds": len(ratios),
        "detail": {
            "by_batch_per_process": found,
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 2),
        },
    }


ROWS: dict[str, Callable[[], dict[str, Any]]] = {"gloo_2_vs_1": gloo_2_vs_1}


def _main(answer: Path) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    world = join(CPU)
    keep_to_own_cores(world.rank, world.size, 1)
    found = {str(batch): _ratios(world, batch) for batch in BATCHES}
    if world.leads:
        answer.write_text(json.dumps(found))
    part()


def _ratios(world: World, batch: int) -> dict[str, Any]:
    one, two = _run(World(), batch), _run(world, batch)
    _round(world, one, two)  # the first fills caches
    ratios: list[float] = []
    rejected = 0
    while len(ratios) < ROUNDS and rejected < REJECTED:
        alone, together, foreign = _round(world, one, two)
        if foreign > FOREIGN:
            rejected += 1
        else:
            ratios.append(round(2 * alone / together, 4))
    median = statistics.median(ratios) if ratios else None
    return {"median": median, "ratios": ratios, "rejected_rounds": rejected}


def _round(world: World, one: engine.Run, two: engine.Run) -> tuple[float, float, float]:
    """Seconds of the first alone, seconds of both, and what others took, as a share of two cores."""
    alone = _timed(world, one if world.leads else None)
    together = _timed(world, two)
    # As the first saw it: both must judge the round alike.
    told = world.from_leader([alone[0], together[0], max(alone[1], together[1])])
    return told[0], told[1], told[2]


def _timed(world: World, run: engine.Run | None) -> tuple[float, float]:
    """Seconds of an epoch, and what other processes took meanwhile, of two cores."""
    dist.barrier()
    wall, busy, own = time.perf_counter(), _busy(), time.process_time()
    if run is not None:
        pulse = Pulse()
        pulse.begin(run)
        engine.train_epoch(run, pulse)
        run.history.append({})
    dist.barrier()  # waits without using a core
    wall = time.perf_counter() - wall
    ours = world.sum(torch.tensor(time.process_time() - own, dtype=torch.float64))
    return wall, (_busy() - busy - float(ours)) / (2 * wall)


def _busy() -> float:
    """CPU-seconds that this machine has worked, or was kept from working, since its start."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    line = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    spent = dict(zip(names, map(int, line), strict=True))
    return sum(value for name, value in spent.items() if name not in {"idle", "iowait"}) / TICKS


def _run(world: World, batch: int) -> engine.Run:
    config = JobConfig(
        augmentation=Augmentation(flip=True, translate=0.125),
        batch_size=batch * world.size,
        devices=world.size,
        epochs=1000,
    )
    source = torch.Generator().manual_seed(0)
    count = STEPS * config.batch_size
    pixels = torch.randint(0, 256, (count, 32, 32, 3), generator=source, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (count,), generator=source)
    return engine.start(config, CLASSES, Images(pixels, labels), None, CPU, world)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
