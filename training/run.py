"""One run in one folder: ``job.json`` in; events, checkpoints, artifacts and ``result.json`` out.

Run again in the same folder, it goes on from the last checkpoint. ``result.json`` is written last,
whatever happened; where it is missing, the process was killed.
"""

import signal
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from training import checkpoint, engine, results
from training.config import config_sha256
from training.data.manifest import SPLITS
from training.data.pack import Pack, open_pack
from training.device import pick_device
from training.engine import Run, Split
from training.errors import Cancelled, TrainingError
from training.job import Job, read_job
from training.journal import Journal
from training.plan import Plan, plan
from training.pulse import REPORT_SECONDS, Pulse

FORMAT = 1  # of checkpoints
SUCCEEDED, CRASHED, FAILED, CANCELLED = 0, 1, 2, 3  # exit codes


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
    stop = Stop()
    watched = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, stop.on_signal) for number in watched]
    # The spawner blocks them until now, so that one that comes early is not lost.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
    (folder / "result.json").unlink(missing_ok=True)
    journal = Journal(folder)
    try:
        code, result = _settle(folder, journal, stop)
        results.write_json(folder / "result.json", result)
        return code
    finally:
        journal.close()
        for number, handler in zip(watched, before, strict=True):
            signal.signal(number, handler)


def _settle(folder: Path, journal: Journal, stop: Stop) -> tuple[int, dict[str, Any]]:
    try:
        result = _execute(folder, journal, stop)
    except Cancelled:
        return CANCELLED, _end(journal, "cancelled", "cancelled", "The run was stopped on request.")
    except TrainingError as error:
        return FAILED, _end(journal, "failed", error.code, error.message)
    except (
        Exception
    ) as error:  # the last line of defence: whatever it is, the supervisor hears of it
        journal.note(traceback.format_exc())
        last = traceback.format_exception_only(error)[-1].strip()
        return CRASHED, _end(journal, "failed", "crash", last)
    journal.event("finished", metrics=result["metrics"], seconds=result["train_seconds"])
    return SUCCEEDED, result


def _end(journal: Journal, status: str, code: str, message: str) -> dict[str, Any]:
    journal.note(f"{status}: {message}")
    journal.event(status, code=code, message=message)
    return {"status": status, "code": code, "message": message, "metrics": None}


def _execute(folder: Path, journal: Journal, stop: Stop) -> dict[str, Any]:
    job = read_job(folder)
    torch.set_num_threads(job.threads)
    device = pick_device(job.device)
    with open_pack(
        job.source(),
        Path(job.packs),
        limit=job.pack_limit_bytes,
        threads=job.threads,
        progress=_progress(journal),
        stopped=stop,
    ) as pack:
        check_splits(pack, job.classes)
        journal.event("pack", pack=pack.name, state="ready", built=pack.built, counts=pack.counts)
        results.write_config(folder, job, pack, device)
        cost = plan(
            job.config,
            classes=len(job.classes),
            train_samples=pack.counts["train"],
            validation_samples=pack.counts["validation"],
            test_samples=pack.counts["test"],
        )
        try:
            return _train(folder, job, pack, device, cost, journal, stop)
        except (MemoryError, RuntimeError) as error:
            if not _lacked_memory(error):
                raise
            needed = cost.memory_bytes / 1e9
            raise TrainingError(
                "out_of_memory",
                f"Memory ran out; this job needs about {needed:.1f} GB. "
                "Lower batch_size, image.size or the model's channels.",
            ) from error


def _lacked_memory(error: Exception) -> bool:
    # torch has a type for a GPU's memory only; of the CPU's it says so in words.
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in text or "not enough memory" in text
    )


def _progress(journal: Journal) -> Any:
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


def _train(
    folder: Path,
    job: Job,
    pack: Pack,
    device: torch.device,
    cost: Plan,
    journal: Journal,
    stop: Stop,
) -> dict[str, Any]:
    splits = {split: _split(pack, split, device) for split in SPLITS}
    run = engine.start(job.config, len(job.classes), splits["train"], splits["validation"], device)
    saved = folder / "checkpoint"
    identity = {"format": FORMAT, "config_sha256": config_sha256(job.config), "pack": pack.name}
    resumed = _resume(run, saved, identity)
    journal.event(
        "started",
        step=run.step,
        steps=run.steps,
        epochs=job.config.epochs,
        parameters=cost.parameters,
        device=device.type,
        threads=torch.get_num_threads(),
        resumed=resumed,
    )
    journal.note(f"{'Resumed' if resumed else 'Started'} at step {run.step} of {run.steps}.")

    def save(run: Run) -> None:
        tensors, state = engine.to_checkpoint(run)
        name = f"{run.step:010d}-{len(run.history):06d}"
        checkpoint.save(saved, name, tensors, {**identity, **state})

    pulse = Pulse(journal.event, save, stop, job.checkpoint_seconds)
    engine.train(run, pulse)
    return _finish(folder, job, pack, run, splits["test"], cost, journal)


def _split(pack: Pack, split: str, device: torch.device) -> Split:
    rows = pack.rows(split)
    # On a CPU these stay the mapped files themselves: nothing is copied.
    return Split(
        torch.from_numpy(pack.images)[rows].to(device),
        torch.from_numpy(pack.labels)[rows].to(device),
    )


def _resume(run: Run, saved: Path, identity: dict[str, Any]) -> bool:
    found = checkpoint.load_latest(saved, identity)
    if found is None:
        return False
    engine.from_checkpoint(run, *found)
    return True


def _finish(
    folder: Path,
    job: Job,
    pack: Pack,
    run: Run,
    test: Split,
    cost: Plan,
    journal: Journal,
) -> dict[str, Any]:
    metrics: dict[str, Any] = {"test": None, "validation": None}
    for split, data in (("validation", run.validation), ("test", test)):
        if data is None:
            continue
        logits = engine.evaluate(run.network, data.images)
        found = results.measure(pack, split, logits, job.classes)
        if split == "test":
            results.write_predictions(folder / "predictions.parquet", pack, logits, job)
        if found is None:
            continue
        metrics[split] = found[1]
        journal.log(f"{split}: accuracy {found[1]['accuracy']:.4f}")
        if not (split == "test" and job.seal):  # a matrix of few samples would give labels away
            results.write_confusion(folder / "confusion.json", split, found[0], job.classes)
    results.write_weights(folder / "weights.safetensors", run.network.state_dict(), job)
    results.write_curves(folder / "metrics.csv", run.history)
    chosen = run.best or run.history[-1]
    return {
        "status": "succeeded",
        "code": None,
        "message": "",
        "metrics": metrics,
        "parameters": cost.parameters,
        "flops_per_image": cost.flops_per_image,
        "train_seconds": run.seconds,
        "epochs": len(run.history),
        "steps": run.step,
        "chosen_epoch": chosen["epoch"],
    }
