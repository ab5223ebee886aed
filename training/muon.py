"""Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks").

The momentum of a matrix is replaced by an (almost) orthogonal matrix close to it, so that a step moves
all directions alike and not mostly the few in which gradients are large. It is for matrices only: what
looks numbers up (embeddings), gives the classes, or has one dimension is moved by AdamW.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from training.device import has_bf16

# Of the quintic a s + b s³ + c s⁵, and how often it is applied: singular values s from 1/500 to 1 come
# to lie between 0.68 and 1.21, which is as good as 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7  # a gradient of zeros stays zero
# AdamW for the rest: a shorter memory than usual, as the matrices beside it change fast.
BETAS = (0.9, 0.95)
EPSILON = 1e-8
# Other layers add their weights (positions) or look them up (embeddings).
MULTIPLYING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase)


class Muon(torch.optim.Optimizer):
    """Groups with ``orthogonal: True`` hold weights of two or more dimensions; the others get AdamW.

    Both decay apart from the gradient. A filter of a convolution is the matrix of its outputs by all
    the numbers that it sees. All memory is plain tensors: ``momentum_buffer``, or ``exp_avg``,
    ``exp_avg_sq`` and ``step``.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], rate: float, momentum: float) -> None:
        defaults = {"lr": rate, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move all weights that have a gradient. Gives what ``closure`` gave, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                move = _move_matrices if group["orthogonal"] else _move_rest
                move(weights, [self.state[weight] for weight in weights], group)
        return loss


def hidden_matrices(network: nn.Module) -> set[Tensor]:
    """The weights that are orthogonalised: all of two dimensions or more in layers that multiply,
    but for the class layer, which is the last ``nn.Linear``."""
    layers = [layer for layer in network.modules() if isinstance(layer, MULTIPLYING)]
    weights: set[Tensor] = {
        w for layer in layers for w in layer.parameters(recurse=False) if w.ndim > 1
    }
    classes = [layer.weight for layer in layers if isinstance(layer, nn.Linear)][-1:]
    return weights.difference(classes)


def orthogonalise(matrices: Tensor) -> Tensor:
    """The singular values of each matrix (n × rows × columns) taken near 1, its directions kept.

    Newton-Schulz: x ← a x + b (x xᵀ) x + c (x xᵀ)² x does a s + b s³ + c s⁵ to each singular value s.
    float32, but bf16 on a GPU that has it: the iteration forgives errors of rounding.
    """
    if matrices.size(-2) > matrices.size(-1):
        return orthogonalise(matrices.mT).mT
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp_min(SMALLEST_NORM)
    if matrices.is_cuda and has_bf16(matrices.device):
        return _iterate(x.bfloat16()).to(matrices.dtype)
    return _iterate_small(x) if x.size(-1) >= 2 * x.size(-2) else _iterate(x)


def scale(rows: int, columns: int) -> float:
    """√max(1, rows / columns), as Jordan et al. 2024: the same rate then fits all shapes.

    An orthogonal matrix so scaled has numbers of root mean square 1 / √columns, whichever side is
    longer: it changes what a layer makes of independent inputs of size 1 by 1, and a layer's weights
    by the same share of what they were drawn with.
    """
    return math.sqrt(max(1.0, rows / columns))


def _iterate(x: Tensor) -> Tensor:
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _iterate_small(x: Tensor) -> Tensor:
    """The same on the small matrix x xᵀ, for wide x: half the time, or less, for filters of 3 × 3.

    Each iteration multiplies x by a polynomial of x xᵀ, and such polynomials commute: their product
    meets x once, at the end. Squared singular values need float32.
    """
    a, b, c = COEFFICIENTS
    gram = torch.bmm(x, x.mT)
    product = None
    for number in range(ITERATIONS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else torch.bmm(product, factor)
        if number + 1 < ITERATIONS:
            gram = torch.bmm(torch.bmm(factor, gram), factor)
    assert product is not None
    return torch.bmm(product, x)


def _move_matrices(weights: list[Tensor], states: list[Any], group: dict[str, Any]) -> None:
    rate, momentum = group["lr"], group["momentum"]
    grads = [weight.grad for weight in weights if weight.grad is not None]
    for weight, state in zip(weights, states, strict=True):
        if not state:
            state["momentum_buffer"] = torch.zeros_like(weight)
    buffers = [state["momentum_buffer"] for state in states]
    torch._foreach_lerp_(buffers, grads, 1 - momentum)
    moves = torch._foreach_lerp(grads, buffers, momentum)  # Nesterov
    if group["weight_decay"]:
        torch._foreach_mul_(weights, 1 - rate * group["weight_decay"])
    for (rows, columns), numbers in _by_shape(weights).items():
        stack = torch.stack([moves[number].flatten(1) for number in numbers])
        length = rate * scale(rows, columns)
        for number, move in zip(numbers, orthogonalise(stack), strict=True):
            weights[number].sub_(move.reshape(weights[number].shape), alpha=length)


def _by_shape(weights: list[Tensor]) -> dict[tuple[int, int], list[int]]:
    """Numbers of the weights that have the same rows and columns, to be worked on as one."""
    found: dict[tuple[int, int], list[int]] = {}
    for number, weight in enumerate(weights):
        found.setdefault((len(weight), weight[0].numel()), []).append(number)
    return found


def _move_rest(weights: list[Tensor], states: list[Any], group: dict[str, Any]) -> None:
    for weight, state in zip(weights, states, strict=True):
        if not state:
            state["step"] = torch.zeros((), device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
    adamw(
        weights,
        [weight.grad for weight in weights if weight.grad is not None],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [state["step"] for state in states],
        fused=True,
        amsgrad=False,
        beta1=BETAS[0],
        beta2=BETAS[1],
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        eps=EPSILON,
        maximize=False,
    )
