"""The most memory that a run takes: in a training step, in an evaluation, and around them."""

from collections import Counter
from collections.abc import Sequence

from training.config import JobConfig
from training.plan.layers import FULL, INDEX, Layer

PROCESS_BYTES = 400_000_000  # torch itself, its libraries and small buffers; not a GPU's context
EVALUATION_BATCH = 256  # training.evaluation
TOKEN_BYTES = 2  # training.data.pack
# What an optimizer remembers, in copies of the weights.
STATE_COPIES = {"sgd": 0, "momentum": 1, "adagrad": 1, "adam": 2, "adamw": 2, "muon": 2}


def step_bytes(config: JobConfig, layers: Sequence[Layer], batch: int, *, bf16: bool) -> int:
    """Peak of a training step of one device on ``batch`` samples.

    That is weights, optimizer state and batch, and the most that is there at once of what is kept for
    the backward pass, gradients of activations and gradients of weights, while one layer after the
    other, last to first, gives up the first for the others.
    """
    peak, kept, gradients = 0, 0, weight_bytes(layers)
    for layer in layers:
        kept += layer.kept * batch + _cast_bytes(layer, bf16=bf16)
        peak = max(peak, kept + layer.moving * batch + gradients)
        gradients -= FULL * layer.parameters  # the layers above have no use for it yet
    peak += batch * _input_bytes(config, bf16=bf16)
    moved = weight_bytes(layers) + _optimizing_bytes(config, layers)
    return _resting_bytes(config, layers) + max(peak, moved)


def evaluation_bytes(config: JobConfig, layers: Sequence[Layer]) -> int:
    """Peak of an evaluation: it keeps nothing, but its batches are larger."""
    passing = max(layer.forward or layer.moving for layer in layers)
    batch = EVALUATION_BATCH * (_input_bytes(config, bf16=False) + passing)
    return _resting_bytes(config, layers) + batch


def copied_bytes(config: JobConfig, layers: Sequence[Layer], *, validated: bool) -> int:
    """Copies of all weights beside the step's: the average, the best so far where there is a validation
    split, the mask of what was pruned, and gradients on their way to other devices."""
    copies = (
        (config.averaging.kind != "none")
        + validated
        + (config.pruning.kind == "magnitude")
        + (config.devices > 1)
    )
    return copies * weight_bytes(layers)


def sample_bytes(config: JobConfig, tokens: int) -> int:
    """A sample as it lies in memory and on disk: an image's pixels, a text's tokens and its end."""
    if config.reads_texts:
        return TOKEN_BYTES * tokens + INDEX
    return config.image.size**2 * config.image.depth


def weight_bytes(layers: Sequence[Layer]) -> int:
    return FULL * sum(layer.parameters for layer in layers)


def _matrix_bytes(layers: Sequence[Layer]) -> int:
    return FULL * sum(rows * columns for layer in layers for rows, columns in layer.matrices)


def _resting_bytes(config: JobConfig, layers: Sequence[Layer]) -> int:
    """Weights and optimizer state. Muon keeps one copy of matrices and filters, two of the rest."""
    state = STATE_COPIES[config.optimizer.kind] * weight_bytes(layers)
    if config.optimizer.kind == "muon":
        state -= _matrix_bytes(layers)
    return weight_bytes(layers) + state


def _optimizing_bytes(config: JobConfig, layers: Sequence[Layer]) -> int:
    """What comes and goes while the weights are moved. Muon makes a move for each matrix, and of those
    of one shape a stack, which it scales and makes orthogonal by products of the stack with itself. The
    others are fused and need nothing."""
    if config.optimizer.kind != "muon":
        return 0
    alike = Counter(matrix for layer in layers for matrix in layer.matrices)
    stacks = [
        (rows * columns + min(rows, columns) ** 2) * n for (rows, columns), n in alike.items()
    ]
    return _matrix_bytes(layers) + 3 * FULL * max(stacks, default=0)


def _cast_bytes(layer: Layer, *, bf16: bool) -> int:
    """Under autocast a layer works with a copy of its weights in bf16, but for what is looked up."""
    return FULL // 2 * layer.parameters if bf16 and layer.kind != "embedding" else 0


def _input_bytes(config: JobConfig, *, bf16: bool) -> int:
    """What a sample takes as the network's input; an image as it is, normalised, and cast."""
    if config.reads_texts:
        return INDEX * config.text.max_length
    return config.image.size**2 * config.image.depth * (2 * FULL + (FULL // 2 if bf16 else 0))
