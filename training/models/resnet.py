"""Residual networks.

Depth 18: He et al. 2016, "Deep Residual Learning for Image Recognition", basic blocks in four stages.
Depth 9: Page 2018, "How to Train Your ResNet": three pooled stages, residuals in the first and last.
Stems: ``small`` is the 3 × 3 convolution of He's section 4.2, ``large`` his 7 × 7 for ImageNet,
``whitening`` is Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", section 3.2.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.config import Image, ResNet
from training.models.layers import Norm, conv


class Residual(nn.Module):
    """What goes in, plus what two convolutions make of it."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.first = nn.Sequential(*conv(channels, channels, 3, norm), nn.ReLU(inplace=True))
        self.second = nn.Sequential(*conv(channels, channels, 3, norm), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x))
        return x + y


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut, which is a 1 × 1 convolution where shapes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.first = nn.Sequential(*conv(inputs, outputs, 3, norm, stride), nn.ReLU(inplace=True))
        self.second = nn.Sequential(*conv(outputs, outputs, 3, norm))
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Sequential(*([] if same else conv(inputs, outputs, 1, norm, stride)))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.second(self.first(x)) + self.shortcut(x))
        return y


class Whitening(nn.Conv2d):
    """A 2 × 2 convolution whose outputs are uncorrelated on the training images, and their negatives.

    Only its bias learns. The side shrinks by one pixel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 8 * channels, 2)
        self.weight.requires_grad = False

    @torch.no_grad()
    def measure(self, pieces: Iterable[Tensor], epsilon: float = 5e-4) -> None:
        """Set the filters from ``pieces`` of normalised images, float, samples × channels × size ×
        size."""
        products, count = torch.zeros((), dtype=torch.float64), 0
        for images in pieces:
            patches = nn.functional.unfold(images.double(), 2).transpose(1, 2).flatten(0, 1)
            products, count = products + patches.T @ patches, count + len(patches)
        values, vectors = torch.linalg.eigh(products / count)
        filters = (vectors / (values + epsilon).sqrt()).T.reshape(-1, self.in_channels, 2, 2)
        self.weight.copy_(torch.cat((filters, -filters)))
        nn.init.zeros_(self.bias)  # type: ignore[arg-type] # torch: a bias may be None


def resnet9(model: ResNet, image: Image, classes: int) -> nn.Sequential:
    """Eight convolutions and the classes; the side is halved three times."""
    width, norm = model.width, model.norm
    layers = _stem(model, image)
    for residual in (True, False, True):
        # Pooling before the ReLU gives the same result on a quarter of the numbers.
        layers += [*conv(width, width * 2, 3, norm), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
        width *= 2
        if residual:
            layers.append(Residual(width, norm))
    head = [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers, *head)


def resnet18(model: ResNet, image: Image, classes: int) -> nn.Sequential:
    """Seventeen convolutions and the classes; the side is halved three times, rounding up."""
    width, norm = model.width, model.norm
    layers = _stem(model, image)
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        layers.append(BasicBlock(inputs, outputs, 2 if stage else 1, norm))
        layers.append(BasicBlock(outputs, outputs, 1, norm))
        inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
    return nn.Sequential(*layers, *head)


def _stem(model: ResNet, image: Image) -> list[nn.Module]:
    width, norm, relu = model.width, model.norm, nn.ReLU(inplace=True)
    if model.stem == "large":
        pool = nn.MaxPool2d(3, 2, 1)
        return [*conv(image.depth, width, 7, norm, stride=2), relu, pool]
    if model.stem == "whitening":
        whitening = Whitening(image.depth)
        return [whitening, nn.ReLU(inplace=True), *conv(8 * image.depth, width, 3, norm), relu]
    return [*conv(image.depth, width, 3, norm), relu]
