"""The training loop. Everything in it is a pure function of (seed, epoch, step).

The splits lie whole on the device; one gather makes a batch. Nothing here runs per sample, and nothing
waits for the device between two reports. With the same machine, torch, thread and device count a CPU
repeats a run bit for bit, also one that was interrupted and resumed.

The final model is that of the epoch with the best validation accuracy (ties: the lower validation
loss, then the earlier epoch); without a validation split it is the last epoch's. The test split is
looked at once, after that choice.
"""

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.averaging import Average
from training.config import JobConfig
from training.data.batch import Split
from training.data.sampler import derive_seed
from training.device import autocast
from training.draws import draws_per_epoch
from training.evaluation import accuracy, evaluate
from training.losses import class_weights, loss_of
from training.models import build, measure
from training.optimizers import build_optimizer
from training.plan import steps_per_epoch
from training.schedule import learning_rate
from training.world import World


@dataclass
class Run:
    """A training run and where it stands."""

    config: JobConfig
    classes: int
    train: Split
    validation: Split | None
    network: nn.Module
    forward: nn.Module
    """The network, joined with those of the other devices where there are several."""
    optimizer: torch.optim.Optimizer
    average: Average
    device: torch.device
    world: World
    batch: int
    """Samples per step, on all devices together."""
    steps_per_epoch: int
    class_weights: Tensor | None
    totals: Tensor
    """Of the running epoch: sum of losses, and samples classified rightly."""
    masks: dict[str, Tensor] = field(default_factory=dict)
    """Of a pruned network: 0 where a weight stays zero."""
    step: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    """Time trained, over all attempts."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One row per finished epoch."""
    best: dict[str, Any] | None = None
    """The best epoch's row, where there is a validation split."""
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or so many brought nothing better that the rest is spared."""
        done, patience = len(self.history), self.config.patience
        waited = done - self.best["epoch"] if self.best else 0
        return done >= self.config.epochs or bool(patience and waited >= patience)


class Listener(Protocol):
    """Hears of each step and epoch, and may end the run by raising; see ``training.pulse``."""

    def begin(self, run: Run) -> None: ...
    def step(self, run: Run) -> None: ...
    def epoch(self, run: Run) -> None: ...
    def evaluating(self) -> None: ...


# ---------------------------------------------------------------------------- start


def start(
    config: JobConfig,
    classes: int,
    train: Split,
    validation: Split | None,
    device: torch.device,
    world: World = World(),  # noqa: B008 (frozen: nobody can change it)
) -> Run:
    """A run at step 0: weights drawn from the seed, pixels measured on the training split."""
    torch.manual_seed(derive_seed("weights", config.seed))
    network = build(config, classes)
    measure(network, train)
    # cast: torch declares this overload of to() for tensors only
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    counts = torch.bincount(train.labels, minlength=classes).tolist()
    samples = draws_per_epoch(counts, config.sampling)
    return Run(
        config=config,
        classes=classes,
        train=train,
        validation=validation if validation is not None and len(validation) else None,
        network=network,
        forward=world.share(network),
        optimizer=build_optimizer(config.optimizer, network),
        average=Average(config.averaging, network),
        device=device,
        world=world,
        batch=min(config.batch_size, samples),
        steps_per_epoch=steps_per_epoch(samples, config.batch_size),
        class_weights=class_weights(counts, config.class_weights, device),
        totals=torch.zeros(2, dtype=torch.float64, device=device),
    )


# ---------------------------------------------------------------------------- the loop


def train(run: Run, listener: Listener) -> None:
    """Train to the end, from wherever the run stands. Leaves the chosen model in ``run.network``."""
    listener.begin(run)
    while not run.over:
        train_epoch(run, listener)
        _finish_epoch(run, listener)
    run.network.load_state_dict(run.best_weights if run.best else run.average.weights())


def train_epoch(run: Run, listener: Listener) -> None:
    """The rest of the running epoch."""
    epoch = len(run.history)
    first = epoch * run.steps_per_epoch
    draws = run.train.draw(run.config, epoch, run.device)
    run.network.train()
    began, before = time.monotonic(), run.seconds
    for number in range(run.step - first, run.steps_per_epoch):
        train_step(run, draws, number)
        run.step += 1
        run.seconds = before + time.monotonic() - began
        listener.step(run)


def train_step(run: Run, draws: Any, number: int) -> None:
    """Batch ``number`` of the epoch: forward, backward, one move of the weights."""
    config = run.config
    seed_dropout(run.device, derive_seed("step", config.seed, run.step, run.world.rank))
    batch = run.train.batch(draws, number, run.world.rank, run.world.size)
    run.rate = learning_rate(config.schedule, config.optimizer.learning_rate, run.step, run.steps)
    for group in run.optimizer.param_groups:
        group["lr"] = run.rate * group["rate_share"]
    with autocast(run.device, config.precision):
        logits = run.forward(batch.inputs)
    loss = loss_of(logits, batch, config.label_smoothing, run.class_weights)
    loss.backward()
    if config.gradient_clip:
        nn.utils.clip_grad_norm_(run.network.parameters(), config.gradient_clip)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        for name, mask in run.masks.items():
            run.network.get_parameter(name).mul_(mask)
        run.average.update(run.step + 1, run.steps)
        right = (logits.argmax(1) == batch.labels).sum()
        run.totals += torch.stack((loss.double() * len(batch.labels), right.double()))


def seed_dropout(device: torch.device, seed: int) -> None:
    """Seed the one generator that dropout on ``device`` draws from.

    ``torch.manual_seed`` would visit every backend and walk the stack for it: 230 µs per step.
    """
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def _finish_epoch(run: Run, listener: Listener) -> None:
    began = time.monotonic()
    run.world.sum(run.totals)
    loss, right = (run.totals / (run.steps_per_epoch * run.batch)).tolist()
    row = {
        "epoch": len(run.history) + 1,
        "step": run.step,
        "train_loss": loss,
        "train_accuracy": right,
        "validation_loss": None,
        "validation_accuracy": None,
        "learning_rate": run.rate,
    }
    if run.validation is not None:
        found = _validate(run, run.validation, listener) if run.world.leads else [0.0, 0.0]
        row["validation_loss"], row["validation_accuracy"] = run.world.from_leader(found)
        _keep_best(run, row)
    run.totals.zero_()
    run.seconds += time.monotonic() - began
    row["seconds"] = run.seconds
    run.history.append(row)
    listener.epoch(run)


def _validate(run: Run, split: Split, listener: Listener) -> list[float]:
    logits = evaluate(
        run.network,
        split,
        # The average where there is one: it is what would be kept.
        weights=run.average.weights() if run.average.apart else None,
        precision=run.config.precision,
        beat=listener.evaluating,
    )
    return [float(F.cross_entropy(logits, split.labels)), accuracy(logits, split.labels)]


def _keep_best(run: Run, row: dict[str, Any]) -> None:
    best = run.best
    if best is None or (row["validation_accuracy"], -row["validation_loss"]) > (
        best["validation_accuracy"],
        -best["validation_loss"],
    ):
        run.best = row
        run.best_weights = {key: value.clone() for key, value in run.average.weights().items()}
