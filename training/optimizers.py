"""Optimizers built from a configuration."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from training.config import SGD, Adagrad, Adam, Momentum, Muon, Optimizer
from training.muon import Muon as MuonOptimizer
from training.muon import hidden_matrices

NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm, nn.LayerNorm
)  # fmt: skip


def build_optimizer(config: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer in its fused form: one kernel for all weights instead of one for each.

    Matrices and filters decay; what has one dimension (biases, norms) does not; what is frozen is left
    out. A group's ``rate_share`` is what its ``lr`` is of the learning rate: the loop that follows a
    schedule sets ``group["lr"] = rate * group["rate_share"]``.
    """
    groups, rate = _groups(config, network), config.learning_rate
    if isinstance(config, SGD):
        return torch.optim.SGD(groups, rate, fused=True)
    if isinstance(config, Momentum):
        return torch.optim.SGD(
            groups, rate, momentum=config.momentum, nesterov=config.nesterov, fused=True
        )
    if isinstance(config, Muon):
        return MuonOptimizer(groups, rate, config.momentum)
    if isinstance(config, Adagrad):
        # torch fuses this one on the CPU only
        fused = all(weight.device.type == "cpu" for group in groups for weight in group["params"])
        accumulator = config.initial_accumulator
        return torch.optim.Adagrad(
            groups, rate, initial_accumulator_value=accumulator, fused=fused or None
        )
    kind = torch.optim.Adam if isinstance(config, Adam) else torch.optim.AdamW
    betas = (config.beta1, config.beta2)
    return kind(groups, rate, betas=betas, eps=config.epsilon, fused=True)


def _groups(config: Optimizer, network: nn.Module) -> list[dict[str, Any]]:
    """The weights that are trained, those of one treatment together, in the network's order."""
    shifts = {layer.bias for layer in network.modules() if isinstance(layer, NORMS)}
    orthogonal = hidden_matrices(network) if isinstance(config, Muon) else set()
    rest_rate = config.rest_rate if isinstance(config, Muon) else 1.0
    found: dict[tuple[float, float, bool], list[Tensor]] = {}
    for weight in network.parameters():
        if weight.requires_grad:
            decay = config.weight_decay if weight.ndim > 1 else 0.0
            share = 1.0 if weight in orthogonal else rest_rate
            share *= config.bias_rate if weight in shifts else 1.0
            found.setdefault((decay, share, weight in orthogonal), []).append(weight)
    return [
        {
            "params": weights,
            "lr": config.learning_rate * share,
            "rate_share": share,
            "weight_decay": decay,
            "orthogonal": orthogonal,
        }
        for (decay, share, orthogonal), weights in found.items()
    ]


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory as flat names, ``<weight's number>/<name>``."""
    return {
        f"{number}/{name}": value
        for number, weight in enumerate(_weights(optimizer))
        for name, value in optimizer.state[weight].items()
        if isinstance(value, Tensor)
    }


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what :func:`state_tensors` gave. Raises ``KeyError`` on a larger network's."""
    weights = dict(enumerate(_weights(optimizer)))
    for key, value in tensors.items():
        number, name = key.split("/")
        weight = weights[int(number)]
        if value.shape == weight.shape:
            # Fused kernels walk weight and state side by side: they must lie alike in memory.
            value = torch.empty_like(weight, memory_format=torch.preserve_format).copy_(value)
        kept = optimizer.state[weight].get(name)
        # Some optimizers begin with a step count on the CPU, where reading it waits for nothing.
        device = value.device if kept is None else kept.device
        optimizer.state[weight][name] = value.detach().to(device)


def _weights(optimizer: torch.optim.Optimizer) -> Iterable[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
