"""The training loop. Everything in it is a pure function of (seed, epoch, step).

The splits lie whole on the device as bytes; one gather makes a batch. Nothing here runs per sample, and
nothing waits for the device between two reports. With the same machine, torch and thread count a CPU
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
from torch import Tensor

from training.config import JobConfig
from training.data.augment import Draws, draw_epoch, gather, to_float
from training.data.sampler import derive_seed
from training.device import has_bf16
from training.errors import TrainingError
from training.models import build
from training.models.build import Classifier
from training.optimizers import build_optimizer, load_state_tensors, state_tensors
from training.plan import steps_per_epoch
from training.schedule import learning_rate

EVALUATION_BATCH = 256
PIXELS_MEASURED = 20_000_000  # enough for mean and deviation of the training split


@dataclass(frozen=True)
class Split:
    """Images, uint8, samples × size × size × channels, and labels, int64; both on the device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class Run:
    """A training run and where it stands."""

    config: JobConfig
    train: Split
    validation: Split | None
    network: Classifier
    optimizer: torch.optim.Optimizer
    device: torch.device
    totals: Tensor
    """Of the running epoch: sum of losses, and pictures classified rightly."""
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
    def batch(self) -> int:
        return min(self.config.batch_size, len(self.train))

    @property
    def steps_per_epoch(self) -> int:
        return steps_per_epoch(len(self.train), self.config.batch_size)

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs


class Listener(Protocol):
    """Hears of each step and epoch, and may end the run by raising; see ``training.pulse``."""

    def begin(self, run: Run) -> None: ...
    def step(self, run: Run) -> None: ...
    def epoch(self, run: Run) -> None: ...


# ---------------------------------------------------------------------------- start


def start(
    config: JobConfig,
    classes: int,
    train: Split,
    validation: Split | None,
    device: torch.device,
) -> Run:
    """A run at step 0: weights drawn from the seed, pixels measured on the training split."""
    torch.manual_seed(derive_seed("weights", config.seed))
    network = build(config.model, config.image, classes)
    network.normalise.measure(*measure_pixels(train.images))
    # cast: torch declares this overload of to() for tensors only
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Run(
        config=config,
        train=train,
        validation=validation if validation is not None and len(validation) else None,
        network=network,
        optimizer=build_optimizer(config.optimizer, network),
        device=device,
        totals=torch.zeros(2, dtype=torch.float64, device=device),
    )


def measure_pixels(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation per channel, counted in whole numbers, so exact on any device."""
    stride = max(1, images[..., 0].numel() // PIXELS_MEASURED)
    values = torch.arange(256, dtype=torch.float64)
    means, deviations = [], []
    for channel in images[::stride].unbind(-1):
        shares = torch.bincount(channel.flatten(), minlength=256).cpu().double()
        shares /= shares.sum()
        mean = (shares * values).sum()
        means.append(mean)
        deviations.append((shares * (values - mean) ** 2).sum().sqrt())
    return torch.stack(means).float(), torch.stack(deviations).float()


# ---------------------------------------------------------------------------- the loop


def train(run: Run, listener: Listener) -> None:
    """Train to the end, from wherever the run stands. Leaves the chosen model in ``run.network``."""
    listener.begin(run)
    while len(run.history) < run.config.epochs:
        train_epoch(run, listener)
        _finish_epoch(run, listener)
    if run.best is not None:
        run.network.load_state_dict(run.best_weights)


def train_epoch(run: Run, listener: Listener) -> None:
    """The rest of the running epoch."""
    config, epoch = run.config, len(run.history)
    first = epoch * run.steps_per_epoch
    draws = draw_epoch(
        config.augmentation,
        seed=config.seed,
        epoch=epoch,
        samples=len(run.train),
        batch=run.batch,
        size=config.image.size,
        device=run.device,
    )
    run.network.train()
    began, before = time.monotonic(), run.seconds
    for number in range(run.step - first, run.steps_per_epoch):
        train_step(run, draws, number)
        run.step += 1
        run.seconds = before + time.monotonic() - began
        listener.step(run)


def train_step(run: Run, draws: Draws, number: int) -> None:
    """Batch ``number`` of the epoch: forward, backward, one move of the weights."""
    config = run.config
    seed_dropout(run.device, derive_seed("step", config.seed, run.step))
    labels = run.train.labels[draws.order[number]]
    pixels = gather(run.train.images, draws, number)
    run.rate = learning_rate(config.schedule, config.optimizer.learning_rate, run.step, run.steps)
    for group in run.optimizer.param_groups:
        group["lr"] = run.rate
    with autocast(run.device):
        logits = run.network(pixels)
        loss = F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
    loss.backward()
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        right = (logits.argmax(1) == labels).sum()
        run.totals += torch.stack((loss.double() * len(labels), right.double()))


def seed_dropout(device: torch.device, seed: int) -> None:
    """Seed the one generator that dropout on ``device`` draws from.

    ``torch.manual_seed`` would visit every backend and walk the stack for it: 230 µs per step.
    """
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def autocast(device: torch.device) -> torch.autocast:
    """bf16 where the hardware has it. The weights stay float32, so no loss scaling is needed."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))


def _finish_epoch(run: Run, listener: Listener) -> None:
    began = time.monotonic()
    loss, right = (run.totals / (run.steps_per_epoch * run.batch)).tolist()
    row = {
        "epoch": len(run.history) + 1,
        "step": run.step,
        "train_loss": loss,
        "train_accuracy": right,
        "validation_loss": None,
        "validation_accuracy": None,
    }
    if run.validation is not None:
        logits = evaluate(run.network, run.validation.images)
        row["validation_loss"] = float(F.cross_entropy(logits, run.validation.labels))
        row["validation_accuracy"] = accuracy(logits, run.validation.labels)
        _keep_best(run, row)
    run.totals.zero_()
    run.seconds += time.monotonic() - began
    row["seconds"] = run.seconds
    run.history.append(row)
    listener.epoch(run)


def _keep_best(run: Run, row: dict[str, Any]) -> None:
    best = run.best
    if best is None or (row["validation_accuracy"], -row["validation_loss"]) > (
        best["validation_accuracy"],
        -best["validation_loss"],
    ):
        run.best = row
        run.best_weights = {key: value.clone() for key, value in run.network.state_dict().items()}


# ---------------------------------------------------------------------------- evaluation


@torch.inference_mode()
def evaluate(network: Classifier, images: Tensor) -> Tensor:
    """Logits, float32, samples × classes, of images as a ``Split`` holds them.

    Raises ``TrainingError("non_finite_loss")`` where the network gives no numbers.
    """
    network.eval()
    found = []
    for start_row in range(0, len(images), EVALUATION_BATCH):
        with autocast(images.device):
            pixels = to_float(images[start_row : start_row + EVALUATION_BATCH])
            found.append(network(pixels).float())
    logits = torch.cat(found)
    if not bool(logits.isfinite().all()):
        raise TrainingError(
            "non_finite_loss",
            "The network's answers are no numbers any more: lower optimizer.learning_rate.",
        )
    return logits


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is the label's."""
    return float((logits.argmax(1) == labels).double().mean())


# ---------------------------------------------------------------------------- checkpoints


def to_checkpoint(run: Run) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that :func:`from_checkpoint` needs: tensors by name, and JSON values."""
    tensors = {"totals": run.totals}
    tensors |= {f"network/{key}": value for key, value in run.network.state_dict().items()}
    tensors |= {f"best/{key}": value for key, value in run.best_weights.items()}
    tensors |= {f"optimizer/{key}": value for key, value in state_tensors(run.optimizer).items()}
    state = {
        "step": run.step,
        "seconds": run.seconds,
        "history": run.history,
        "best": run.best,
    }
    return tensors, state


def from_checkpoint(run: Run, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Put a fresh run to where the checkpoint stood, bit for bit."""

    def part(name: str) -> dict[str, Tensor]:
        return {
            key.removeprefix(name): value.to(run.device)
            for key, value in tensors.items()
            if key.startswith(name)
        }

    run.network.load_state_dict(part("network/"))
    run.best_weights = part("best/")
    load_state_tensors(run.optimizer, part("optimizer/"))
    run.totals.copy_(tensors["totals"])
    run.step, run.seconds = state["step"], state["seconds"]
    run.history, run.best = state["history"], state["best"]
