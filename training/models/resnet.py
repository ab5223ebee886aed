"""Residual networks for small images.

Depth 18: He et al. 2016, "Deep Residual Learning for Image Recognition", basic blocks in four stages,
with the 3 × 3 stem of its section 4.2 in place of the ImageNet stem.
Depth 9: Page 2018, "How to Train Your ResNet": three pooled stages, residuals in the first and last.
"""

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


def resnet9(model: ResNet, image: Image, classes: int) -> nn.Sequential:
    """Eight convolutions and the classes; the side is halved three times."""
    width, norm = model.width, model.norm
    layers: list[nn.Module] = [*conv(image.depth, width, 3, norm), nn.ReLU(inplace=True)]
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
    layers: list[nn.Module] = [*conv(image.depth, width, 3, norm), nn.ReLU(inplace=True)]
    inputs = width
    for stage in range(4):
        outputs = width * 2**stage
        layers.append(BasicBlock(inputs, outputs, 2 if stage else 1, norm))
        layers.append(BasicBlock(outputs, outputs, 1, norm))
        inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)]
    return nn.Sequential(*layers, *head)
