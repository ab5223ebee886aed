"""What a network must know of the training split before its first step."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.data.batch import Split
from training.data.images import Images
from training.models.build import Classifier
from training.models.resnet import Whitening

PIXELS_MEASURED = 20_000_000  # enough for mean and deviation of the training split
IMAGES_WHITENED, PIXELS_WHITENED = 4096, 20_000_000
PIXELS_AT_ONCE = 500_000  # of which the patches take 50 MB


def measure(network: nn.Module, split: Split) -> None:
    """Set the normalisation of pixels, and the filters of a whitening stem; texts need nothing."""
    if not isinstance(network, Classifier) or not isinstance(split, Images):
        return
    network.normalise.measure(*measure_pixels(split.pixels))
    for module in network.modules():
        if isinstance(module, Whitening):
            module.measure(_some(network, split))


def _some(network: Classifier, split: Images) -> Iterator[Tensor]:
    """Images from all over the split, normalised, in pieces that leave room for their patches."""
    area = split.pixels[0, ..., 0].numel()
    count = max(1, min(IMAGES_WHITENED, PIXELS_WHITENED // area))
    chosen = split.pixels[:: max(1, len(split) // count)][:count]
    for piece in chosen.split(max(1, PIXELS_AT_ONCE // area)):
        yield network.normalise(piece.cpu().permute(0, 3, 1, 2).float())


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
