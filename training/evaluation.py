"""What a network says to every sample of a split."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from training.data.batch import Split
from training.device import autocast
from training.errors import TrainingError

EVALUATION_BATCH = 256

Weights = Mapping[str, Tensor]
Beat = Callable[[], None]


def evaluate(
    network: nn.Module,
    split: Split,
    *,
    weights: Weights | None = None,
    precision: str = "auto",
    beat: Beat | None = None,
) -> Tensor:
    """Logits, float32, samples × classes, by ``weights`` where they are not the network's own.

    ``beat`` is called after each piece, and may raise. Raises ``TrainingError("non_finite_loss")``
    where the network gives no numbers.
    """
    with nullcontext() if weights is None else _wearing(network, weights):
        return _evaluate(network, split, network, precision, beat)


def evaluate_views(
    network: nn.Module,
    split: Split,
    *,
    mirrored: bool,
    precision: str = "auto",
    beat: Beat | None = None,
) -> Tensor:
    """Log-probabilities, float32, samples × classes: the mean over several views of each image.

    The views are the image and its shifts by one pixel to the upper left and the lower right; with
    ``mirrored`` also their mirror images, six in all (Jordan 2024, section 3.5).
    """

    def mean(images: Tensor) -> Tensor:
        found = [network(view).float().softmax(1) for view in views(images, mirrored=mirrored)]
        return torch.stack(found).mean(0).clamp_min(1e-30).log()

    return _evaluate(network, split, mean, precision, beat)


def views(images: Tensor, *, mirrored: bool) -> Iterator[Tensor]:
    """Views of ``images``, batch × channels × size × size. Beyond an edge its pixels go on."""
    size = images.shape[-1]
    padded = nn.functional.pad(images, (1, 1, 1, 1), "replicate")
    for shift in (1, 0, 2):
        view = padded[:, :, shift : shift + size, shift : shift + size]
        yield view.contiguous(memory_format=torch.channels_last)
        if mirrored:
            yield view.flip(-1).contiguous(memory_format=torch.channels_last)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is the label's."""
    return float((logits.argmax(1) == labels).double().mean())


@contextmanager
def _wearing(network: nn.Module, weights: Weights) -> Iterator[None]:
    """The network with other numbers in its own tensors: none of them is moved or replaced, which
    recurrent layers and compiled networks would notice."""
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(weights)
    try:
        yield
    finally:
        network.load_state_dict(own)


@torch.inference_mode()
def _evaluate(
    network: nn.Module,
    split: Split,
    forward: Callable[[Tensor], Tensor],
    precision: str,
    beat: Beat | None,
) -> Tensor:
    network.eval()
    found: Tensor | None = None
    for rows, inputs in split.pieces(EVALUATION_BATCH):
        with autocast(inputs.device, precision):
            logits = forward(inputs).float()
        if found is None:
            found = logits.new_empty((len(split), logits.shape[1]))
        found[rows] = logits
        if beat is not None:
            beat()
    assert found is not None, "an empty split is refused before"
    if not bool(found.isfinite().all()):
        raise TrainingError(
            "non_finite_loss",
            "The network's answers are no numbers any more: lower optimizer.learning_rate.",
        )
    return found
