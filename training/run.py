"""One run in one folder: ``job.json`` in; events, checkpoints, artifacts and ``result.json`` out.

Run again in the same folder, it goes on from the last checkpoint. ``result.json`` is written last,
whatever happened; where it is missing, the process was killed. On several devices this process decodes
the data, starts one process for each (``training.ranks``) and reads what their first one wrote.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from training import ranks, results
from training.data.pack import Pack, open_pack
from training.deathpact import die_with_parent
from training.device import has_bf16, keep_freed_memory, keep_to_own_cores, pick_device
from training.draws import draws_per_epoch
from training.errors import Cancelled, TrainingError
from training.fitting import Attempt, finish, fit
from training.job import Job, read_job
from training.journal import Journal
from training.plan import Plan, plan
from training.pulse import REPORT_SECONDS
from training.world import World, join, part

SUCCEEDED, CRASHED, FAILED, CANCELLED = 0, 1, 2, 3  # exit codes
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "STATUS_ALLOC_FAILED",
)
ENDS = {"succeeded": SUCCEEDED, "cancelled": CANCELLED}


class Stop:
    """Whether SIGTERM or SIGINT has come. The run looks at it between steps."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self) -> bool:
        return self.wanted

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.wanted = True


def main(run_dir: str | Path) -> int:
    """Run the job in ``run_dir`` to its end. Returns the exit code; never raises for the job's sake."""
    folder = Path(run_dir)
    (folder / "result.json").unlink(missing_ok=True)
    keep_freed_memory()
    with _listening() as stop, _writing(folder) as journal:
        result = _settle(journal, lambda: _execute(folder, journal, stop))
        _announce(journal, result)
        results.write_json(folder / "result.json", result)
    return _code(result)


def rank(run_dir: str | Path) -> int:
    """Be one of several processes that ``training.ranks`` started for the run in ``run_dir``."""
    folder, number = Path(run_dir), int(os.environ["RANK"])
    die_with_parent()
    keep_freed_memory()
    with _listening() as stop, _writing(folder if number == 0 else None) as journal:
        result = _settle(journal, lambda: _share(folder, journal, stop))
        # Before anything is torn down: an abort at exit cannot undo what is written.
        ranks.leave_result(folder, number, result)
    if result["status"] == "succeeded":
        part()
    return _code(result)


def _share(folder: Path, journal: Journal, stop: Stop) -> dict[str, Any]:
    job = read_job(folder)
    devices = job.config.devices
    threads = max(1, job.threads // devices)
    torch.set_num_threads(threads)
    keep_to_own_cores(int(os.environ["RANK"]), devices, threads)
    device = pick_device(job.device, job.config.precision)
    return _train(Attempt(folder, job, device, join(device), journal, stop))


def _code(result: dict[str, Any]) -> int:
    return ENDS.get(result["status"], CRASHED if result["code"] == "crash" else FAILED)


@contextmanager
def _listening() -> Iterator[Stop]:
    stop = Stop()
    watched = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.on_signal) for number in watched]
    # The spawner blocks them until now, so that one that comes early is not lost.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
    try:
        yield stop
    finally:
        for number, handler in zip(watched, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _writing(folder: Path | None) -> Iterator[Journal]:
    """The run's journal; of no folder, one that keeps nothing."""
    journal = Journal(folder)
    try:
        yield journal
    finally:
        journal.close()


def _settle(journal: Journal, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` came to, whatever it raised."""
    try:
        return work()
    except Cancelled:
        return _ended("cancelled", "cancelled", "The run was stopped on request.")
    except TrainingError as error:
        return _ended("failed", error.code, error.message)
    except (
        Exception
    ) as error:  # the last line of defence: whatever it is, the supervisor hears of it
        journal.note(traceback.format_exc())
        return _ended("failed", "crash", traceback.format_exception_only(error)[-1].strip())


def _ended(status: str, code: str, message: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": message, "metrics": None}


def _announce(journal: Journal, result: dict[str, Any]) -> None:
    if result["status"] == "succeeded":
        journal.event("finished", metrics=result["metrics"], seconds=result["train_seconds"])
        return
    journal.note(f"{result['status']}: {result['message']}")
    journal.event(result["status"], code=result["code"], message=result["message"])


def _execute(folder: Path, journal: Journal, stop: Stop) -> dict[str, Any]:
    job = read_job(folder)
    if job.config.devices == 1:
        torch.set_num_threads(job.threads)
        device = pick_device(job.device, job.config.precision)
        return _train(Attempt(folder, job, device, World(), journal, stop))
    with _opened(job, journal, stop):  # decoded once, before all want it
        result = ranks.run(folder, job, stop)
    journal.catch_up()
    return result


@contextmanager
def _opened(job: Job, journal: Journal, stop: Callable[[], bool]) -> Iterator[Pack]:
    with open_pack(
        job.source(),
        Path(job.packs),
        limit=job.pack_limit_bytes,
        threads=job.threads,
        progress=_progress(journal),
        stopped=stop,
    ) as pack:
        check_splits(pack, job.classes)
        check_shares(pack, job)
        yield pack


def _train(attempt: Attempt) -> dict[str, Any]:
    job, journal = attempt.job, attempt.journal
    with _opened(job, journal, attempt.stop) as pack:
        journal.event("pack", pack=pack.name, state="ready", built=pack.built, counts=pack.counts)
        cost = _plan(job, pack, attempt.device)
        try:
            return finish(attempt, pack, fit(attempt, pack, cost))
        except (MemoryError, RuntimeError) as error:
            if not _lacked_memory(error):
                raise
            needed = cost.memory_bytes / 1e9
            raise TrainingError(
                "out_of_memory",
                f"Memory ran out; this job needs about {needed:.1f} GB. "
                "Lower batch_size, image.size or the model's channels.",
            ) from error


def check_shares(pack: Pack, job: Job) -> None:
    """Refuse devices that would have less than two samples of a step."""
    devices = job.config.devices
    drawn = draws_per_epoch(_per_class(job, pack), job.config.sampling)
    if devices > 1 and drawn < 2 * devices:
        raise TrainingError(
            "bad_input",
            f"An epoch has {drawn} samples, which {devices} devices cannot share: lower devices.",
        )


def _per_class(job: Job, pack: Pack) -> list[int]:
    """Training samples of each class."""
    labels = pack.labels[pack.rows("train")]
    return [int(count) for count in np.bincount(labels, minlength=len(job.classes))]


def _plan(job: Job, pack: Pack, device: torch.device) -> Plan:
    return plan(
        job.config,
        classes=len(job.classes),
        train_samples=pack.counts["train"],
        validation_samples=pack.counts["validation"],
        test_samples=pack.counts["test"],
        per_class=_per_class(job, pack),
        bf16=has_bf16(device),
    )


def _lacked_memory(error: Exception) -> bool:
    # torch has a type for a GPU's memory only; of the CPU's it says so in words.
    text = str(error)
    kinds = MemoryError | torch.OutOfMemoryError
    return isinstance(error, kinds) or any(words in text for words in OUT_OF_MEMORY)


def _progress(journal: Journal) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS or done == total:
            last = time.monotonic()
            journal.event("pack", state="building", done=done, total=total)

    return report


def check_splits(pack: Pack, classes: list[str]) -> None:
    """Refuse a version that cannot be trained and tested on. Raises ``TrainingError``."""
    for split in ("train", "test"):
        if not pack.counts[split]:
            raise TrainingError("empty_split", f"The {split} split of this version is empty.")
    present = set(pack.labels[pack.rows("train")].tolist())
    missing = [name for number, name in enumerate(classes) if number not in present]
    if missing:
        raise TrainingError(
            "class_missing_in_train",
            f"The train split has no sample of {', '.join(missing)}: freeze a version that has.",
        )
