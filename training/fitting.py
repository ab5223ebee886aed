"""From an open pack to a trained network, and from that to the run's results.

A run has one stage, or two where its network is pruned: the second one trains on what is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import checkpoint, engine, pruning, results
from training.config import JobConfig, config_sha256
from training.data.manifest import SPLITS
from training.data.pack import Pack
from training.device import CUDA_FLOPS
from training.engine import Run
from training.evaluation import evaluate, evaluate_views
from training.job import Job
from training.journal import Journal
from training.plan import Plan, compile_pays, layers_of
from training.pulse import Pulse
from training.snapshot import from_checkpoint, to_checkpoint
from training.world import World

FORMAT = 2  # of checkpoints
WEIGHED = 64  # samples that a pruned network's latency is measured on


@dataclass(frozen=True)
class Attempt:
    """One attempt at a run, in one process."""

    folder: Path
    job: Job
    device: torch.device
    world: World
    journal: Journal
    stop: Callable[[], bool]


@dataclass
class Stage:
    """Where in the whole a stage begins. All of it is JSON."""

    number: int
    history: list[dict[str, Any]]
    """Of the stage before."""
    steps: int = 0
    """Of the stage before."""
    before: dict[str, Any] | None = None
    """The network before it was pruned."""


@dataclass
class Fitted:
    """What training came to."""

    run: Run
    splits: dict[str, Any]
    history: list[dict[str, Any]]
    """Of all stages, epochs and steps counted through."""
    pruned: dict[str, Any] | None
    """The network before and after, where it was pruned."""


# ---------------------------------------------------------------------------- training


def fit(attempt: Attempt, pack: Pack, cost: Plan) -> Fitted:
    """Train to the end, from the last checkpoint where there is one."""
    job = attempt.job
    # Batches of texts come in many widths, and each would be compiled anew.
    wanted = job.config.compile == "auto" and not job.config.reads_texts
    compiled = wanted and compile_pays(cost, CUDA_FLOPS, attempt.device.type)
    if attempt.world.leads:
        results.write_config(attempt.folder, job, pack, attempt.device, compiled=compiled)
    splits = {split: pack.split(split, attempt.device) for split in SPLITS}

    def begin(config: JobConfig) -> Run:
        return _begin(attempt, config, splits, compiled=compiled)

    second = pruning.follow_up(job.config)
    run, stage = _resume(attempt, pack, begin, second)
    more = second.epochs if second and stage.number == 1 else 0
    steps = stage.steps + run.steps + more * run.steps_per_epoch
    _report_start(
        attempt, stage.steps + run.step, steps, cost, validated=run.validation is not None
    )
    if stage.number == 1:
        engine.train(run, _pulse(attempt, pack, stage, steps))
        if second is not None:
            stage = Stage(2, run.history, run.step, _weigh(run))
            successor = begin(second)
            pruning.prune(run, successor)
            run = successor
    if stage.number == 2:
        engine.train(run, _pulse(attempt, pack, stage, stage.steps + run.steps))
    pruned = stage.before and {"before": stage.before, "after": _weigh(run)}
    counted = [_counted_on(stage, row) for row in run.history]
    history = [
        {**row, "phase": phase}
        for phase, rows in (
            ("training", stage.history),
            ("pruned" if pruned else "training", counted),
        )
        for row in rows
    ]
    return Fitted(run, splits, history, pruned)


def _begin(attempt: Attempt, config: JobConfig, splits: dict[str, Any], *, compiled: bool) -> Run:
    run = engine.start(
        config,
        len(attempt.job.classes),
        splits["train"],
        splits["validation"],
        attempt.device,
        attempt.world,
    )
    if compiled:
        run.network.compile()
    return run


def _identity(attempt: Attempt, pack: Pack) -> dict[str, Any]:
    config = config_sha256(attempt.job.config)  # the number of devices is part of it
    return {"format": FORMAT, "config_sha256": config, "pack": pack.name}


def _resume(
    attempt: Attempt,
    pack: Pack,
    begin: Callable[[JobConfig], Run],
    second: JobConfig | None,
) -> tuple[Run, Stage]:
    """The run where its last checkpoint left it, and its stage; at its start where there is none."""
    found = checkpoint.load_latest(
        attempt.folder / "checkpoint", _identity(attempt, pack), sweep=attempt.world.leads
    )
    stage = Stage(**found[1]["stage"]) if found else Stage(1, [])
    run = begin(second if second and stage.number == 2 else attempt.job.config)
    if found:
        from_checkpoint(run, *found)
    return run, stage


def _pulse(attempt: Attempt, pack: Pack, stage: Stage, steps: int) -> Pulse:
    identity = {**_identity(attempt, pack), "stage": asdict(stage)}

    def save(run: Run) -> None:
        tensors, state = to_checkpoint(run)  # all processes together, though one writes
        if attempt.world.leads:
            name = f"{stage.steps + run.step:010d}-{len(stage.history) + len(run.history):06d}"
            checkpoint.save(attempt.folder / "checkpoint", name, tensors, {**state, **identity})

    def report(kind: str, **values: Any) -> None:
        told = _counted_on(stage, values)
        attempt.journal.event(kind, **({**told, "steps": steps} if "steps" in told else told))

    seconds = attempt.job.checkpoint_seconds
    return Pulse(report, save, attempt.stop, seconds, started=stage.number > 1)


def _counted_on(stage: Stage, values: dict[str, Any]) -> dict[str, Any]:
    """Epochs and steps of a stage as those of the whole run."""
    before = {"epoch": len(stage.history), "step": stage.steps}
    return {key: value + before[key] if key in before else value for key, value in values.items()}


def _report_start(attempt: Attempt, step: int, steps: int, cost: Plan, *, validated: bool) -> None:
    config = attempt.job.config
    attempt.journal.event(
        "started",
        step=step,
        steps=steps,
        epochs=config.epochs + getattr(config.pruning, "epochs", 0),
        parameters=cost.parameters,
        device=attempt.device.type,
        threads=torch.get_num_threads(),
        resumed=step > 0,
    )
    for note in _unheeded(attempt.job.config, validated=validated):
        attempt.journal.note(note)
    attempt.journal.note(f"{'Resumed' if step else 'Started'} at step {step} of {steps}.")


def _unheeded(config: JobConfig, *, validated: bool) -> Iterator[str]:
    """What the configuration asks for and this run cannot do."""
    if config.patience and not validated:
        yield "patience has no effect: this version has no validation split."
    if config.compile == "auto" and config.reads_texts:
        yield "compile has no effect on networks for texts."


def _weigh(run: Run) -> dict[str, Any]:
    """The network, and how well it did; before and after pruning. The first process says it."""
    if not run.world.leads:
        return {}
    _rows, inputs = next(run.train.pieces(WEIGHED))
    row = run.best or run.history[-1]
    return {
        **pruning.weigh(run.network, inputs),
        "train_accuracy": row["train_accuracy"],
        "validation_accuracy": row["validation_accuracy"],
    }


# ---------------------------------------------------------------------------- results


def finish(attempt: Attempt, pack: Pack, fitted: Fitted) -> dict[str, Any]:
    """Look at validation and test, write everything, and say how it went."""
    if not attempt.world.leads:
        return {"status": "succeeded", "code": None, "message": "", "metrics": None}
    folder, job, run = attempt.folder, attempt.job, fitted.run
    pulse = Pulse(attempt.journal.event, stopped=attempt.stop)
    predictions = _predict(run, fitted.splits, pack, pulse.evaluating)
    metrics = results.measure(pack, job, predictions)
    for name, found in metrics.items():
        if found:
            attempt.journal.log(f"{name}: accuracy {found['accuracy']:.4f}")
    results.write_predictions(folder / "predictions.parquet", pack, job, predictions)
    results.write_confusion(folder / "confusion.json", pack, job, predictions)
    state = run.network.state_dict()
    built = job.config.model_copy(update={"model": run.config.model})  # pruned, where it was
    results.write_weights(folder / "weights.safetensors", state, job.classes, built, pack.tokenizer)
    results.write_curves(folder / "metrics.csv", fitted.history)
    layers = layers_of(built, len(job.classes))
    chosen = run.best or run.history[-1]
    return {
        "status": "succeeded",
        "code": None,
        "message": "",
        "metrics": metrics,
        "parameters": sum(layer.parameters for layer in layers),
        "flops_per_sample": sum(layer.flops for layer in layers),
        "train_seconds": run.seconds,
        "epochs": len(fitted.history),
        "steps": fitted.history[-1]["step"],
        "chosen_epoch": chosen["epoch"] + len(fitted.history) - len(run.history),
        "pruning": fitted.pruned,
    }


def _predict(
    run: Run, splits: dict[str, Any], pack: Pack, beat: Callable[[], None]
) -> dict[str, Any]:
    """Probabilities by split, and of the test split's views where the job asks for them."""
    config, found = run.config, {}

    def said(by: Callable[..., Tensor], split: Any, **more: Any) -> Tensor:
        return by(run.network, split, precision=config.precision, beat=beat, **more)

    for name in ("validation", "test"):
        if pack.counts[name]:
            logits = said(evaluate, splits[name])
            found[name] = results.to_probabilities(logits)
    if config.test_time_augmentation:
        seen = said(evaluate_views, splits["test"], mirrored=config.augmentation.flip)
        found[results.TEST_TTA] = results.to_probabilities(seen)
    return found
