"""One door to all networks."""

from torch import Tensor, nn

from training.config import CNN, Image, Model
from training.models.cnn import cnn
from training.models.layers import Normalise
from training.models.resnet import resnet9, resnet18


class Classifier(nn.Module):
    """Float pixels 0-255, batch × channels × size × size, to logits, batch × classes.

    Normalisation is the first layer, so that the weights file holds all that serving needs and
    training and serving cannot disagree about it.
    """

    def __init__(self, channels: int, body: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalise(channels)
        self.body = body

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.body(self.normalise(pixels))
        return logits


def build(model: Model, image: Image, classes: int) -> Classifier:
    """A fresh network, weights drawn from torch's generator: seed it first to reproduce."""
    if isinstance(model, CNN):
        body = cnn(model, image, classes)
    elif model.depth == 9:
        body = resnet9(model, image, classes)
    else:
        body = resnet18(model, image, classes)
    return Classifier(image.depth, body)
