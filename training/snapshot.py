"""A run as tensors by name and JSON values, and back, bit for bit; ``training.checkpoint`` keeps them."""

from typing import Any

from torch import Tensor

from training.engine import Run
from training.optimizers import load_state_tensors, state_tensors

STATE = ("step", "rate", "seconds", "history", "best")


def to_checkpoint(run: Run) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All that :func:`from_checkpoint` needs. Several devices must call it in the same step."""
    parts = {
        "network": run.network.state_dict(),
        "best": run.best_weights,
        "optimizer": state_tensors(run.optimizer),
        "average": run.average.tensors(),
        "mask": run.masks,
    }
    tensors = {
        f"{part}/{key}": value for part, named in parts.items() for key, value in named.items()
    }
    totals = run.world.sum(run.totals.clone())
    return {"totals": totals, **tensors}, {name: getattr(run, name) for name in STATE}


def from_checkpoint(run: Run, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Put a fresh run to where the checkpoint stood."""

    def part(name: str) -> dict[str, Tensor]:
        return {
            key.removeprefix(f"{name}/"): value.to(run.device)
            for key, value in tensors.items()
            if key.startswith(f"{name}/")
        }

    run.network.load_state_dict(part("network"))
    run.best_weights, run.masks = part("best"), part("mask")
    load_state_tensors(run.optimizer, part("optimizer"))
    run.average.load(part("average"))
    if run.world.leads:  # the sum of all, which the next sum must count once
        run.totals.copy_(tensors["totals"])
    for name in STATE:
        setattr(run, name, state[name])
