"""A trained network made smaller, then trained on for a few epochs.

* ``magnitude``: the smallest weights of all matrices and filters together become zero and stay it (Han
  et al. 2015, "Learning both Weights and Connections"). The network keeps its shape, so nothing is
  faster; it compresses better.
* ``structured``: of each convolution block of a CNN the output channels of the smallest L1 norm go (Li
  et al. 2017, "Pruning Filters for Efficient ConvNets"), from the layers themselves: the network is
  built anew, smaller and faster.
"""

import statistics
import time
import zlib
from typing import Any

import torch
from torch import Tensor, nn

from training.config import CNN, Cosine, JobConfig, Magnitude, NoPruning, Structured
from training.engine import Run

FINE_TUNING_RATE = 0.1  # of the learning rate
LATENCY_ROUNDS = 30


def follow_up(config: JobConfig) -> JobConfig | None:
    """The configuration of the training after pruning; None where nothing is pruned."""
    pruning = config.pruning
    if isinstance(pruning, NoPruning):
        return None
    rate = config.optimizer.learning_rate * FINE_TUNING_RATE
    return config.model_copy(
        update={
            "model": _narrowed(config.model, pruning),
            "optimizer": config.optimizer.model_copy(update={"learning_rate": rate}),
            "schedule": Cosine(warmup=0.0),
            "epochs": pruning.epochs,
            "pruning": NoPruning(),
        }
    )


def prune(run: Run, successor: Run) -> None:
    """Fill ``successor``, at step 0 of ``follow_up(run.config)``, with what stays of ``run``."""
    pruning, config = run.config.pruning, successor.config
    if isinstance(pruning, Structured):
        assert isinstance(config.model, CNN), "others are refused by the configuration"
        _copy_channels(run.network, successor.network, config.model, config.image.size)
    else:
        assert isinstance(pruning, Magnitude), "nothing to prune"
        successor.network.load_state_dict(run.network.state_dict())
        successor.masks = _smallest(successor.network, pruning.amount)
        with torch.no_grad():
            for name, mask in successor.masks.items():
                successor.network.get_parameter(name).mul_(mask)
    successor.average.restart()
    successor.seconds = run.seconds


def weigh(network: nn.Module, inputs: Tensor) -> dict[str, Any]:
    """What a network is: its numbers, those that are not zero, bytes as stored and as compressed by
    zlib, and the milliseconds that it takes for the samples ``inputs`` (median of 30)."""
    weights = [weight.detach().float().cpu().contiguous() for weight in network.parameters()]
    stored = b"".join(weight.numpy().tobytes() for weight in weights)
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "non_zero": sum(int(weight.count_nonzero()) for weight in weights),
        "bytes": len(stored),
        "compressed_bytes": len(zlib.compress(stored, 6)),
        "latency_ms": _latency(network, inputs) * 1000,
        "latency_batch": len(inputs),
    }


@torch.inference_mode()
def _latency(network: nn.Module, inputs: Tensor) -> float:
    network.eval()
    seconds = []
    for _ in range(LATENCY_ROUNDS):
        began = time.perf_counter()
        network(inputs).argmax(1).tolist()  # asking for the answer waits for the device
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


# ---------------------------------------------------------------------------- magnitude


def _smallest(network: nn.Module, amount: float) -> dict[str, Tensor]:
    """By name, 0 where one of the ``amount`` smallest weights is, else 1."""
    weights = {
        name: weight
        for name, weight in network.named_parameters()
        if weight.ndim > 1 and weight.requires_grad
    }
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    border = sizes.kthvalue(max(1, int(amount * len(sizes)))).values
    return {name: (weight.detach().abs() > border).to(weight) for name, weight in weights.items()}


# ---------------------------------------------------------------------------- structured


def _narrowed(model: Any, pruning: Magnitude | Structured) -> Any:
    if not isinstance(pruning, Structured) or not isinstance(model, CNN):
        return model
    blocks = tuple(
        block.model_copy(update={"channels": max(1, round(block.channels * (1 - pruning.amount)))})
        for block in model.blocks
    )
    return model.model_copy(update={"blocks": blocks})


@torch.no_grad()
def _copy_channels(old: nn.Module, new: nn.Module, model: CNN, size: int) -> None:
    """Fill ``new``, which is of ``model`` for images of ``size``, with ``old``'s strongest channels."""
    new.get_submodule("normalise").load_state_dict(old.get_submodule("normalise").state_dict())
    layers = zip(old.get_submodule("body"), new.get_submodule("body"), strict=True)  # type: ignore[call-overload]
    kept: Tensor | None = None  # of what comes in: which channels, then which features
    widths = iter(block.channels for block in model.blocks)
    area = model.sides(size)[-1] ** 2
    for theirs, ours in layers:
        if isinstance(theirs, nn.Conv2d):
            weight = theirs.weight if kept is None else theirs.weight[:, kept]
            strength = theirs.weight.abs().sum((1, 2, 3))
            kept = strength.topk(next(widths)).indices.sort().values
            ours.weight.copy_(weight[kept])
            if theirs.bias is not None:
                ours.bias.copy_(theirs.bias[kept])
        elif isinstance(theirs, nn.BatchNorm2d | nn.GroupNorm):
            ours.load_state_dict(_rows(theirs.state_dict(), kept))
        elif isinstance(theirs, nn.Flatten):
            kept = _features(kept, area)
        elif isinstance(theirs, nn.Linear):
            weight = theirs.weight if kept is None else theirs.weight[:, kept]
            ours.weight.copy_(weight)
            ours.bias.copy_(theirs.bias)
            kept = None


def _rows(state: dict[str, Tensor], kept: Tensor | None) -> dict[str, Tensor]:
    return {key: value[kept] if value.ndim else value for key, value in state.items()}


def _features(channels: Tensor | None, area: int) -> Tensor | None:
    """Where the pixels of ``channels`` lie once flattened."""
    if channels is None:
        return None
    return (channels[:, None] * area + torch.arange(area, device=channels.device)).flatten()
