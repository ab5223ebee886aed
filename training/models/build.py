"""One door to all networks."""

from torch import Tensor, nn

from training.config import CNN, RNN, Image, JobConfig, ResNet, Transformer, ViT
from training.models.cnn import cnn
from training.models.layers import Normalise
from training.models.resnet import resnet9, resnet18
from training.models.texts import Encoder, Recurrent
from training.models.vit import VisionTransformer


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


def build(config: JobConfig, classes: int) -> nn.Module:
    """A fresh network, weights drawn from torch's generator: seed it first to reproduce.

    For images a :class:`Classifier`; for texts it takes int64 tokens, batch × tokens, 0 = padding.
    """
    if isinstance(config.model, RNN):
        return Recurrent(config.model, config.text, classes)
    if isinstance(config.model, Transformer):
        return Encoder(config.model, config.text, classes)
    return Classifier(config.image.depth, _body(config.model, config.image, classes))


def _body(model: CNN | ResNet | ViT, image: Image, classes: int) -> nn.Module:
    if isinstance(model, CNN):
        return cnn(model, image, classes)
    if isinstance(model, ViT):
        return VisionTransformer(model, image, classes)
    return (resnet9 if model.depth == 9 else resnet18)(model, image, classes)
