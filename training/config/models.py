"""The networks that a job may declare."""

from typing import Annotated, Literal

from pydantic import Field

from training.config.strict import Items, Strict


class ConvBlock(Strict):
    """A convolution, a normalisation where the model has one, ReLU, max-pooling."""

    channels: int = Field(32, ge=1, le=1024)
    """Features that this block looks for."""
    kernel: Literal[1, 3, 5, 7] = 3
    """Side of the convolution's window, in pixels."""
    pool: Literal[1, 2, 3, 4] = 2
    """Max-pooling divides the image's side by this; 1 leaves it."""


class CNN(Strict):
    """Convolution blocks, then dense layers: small, quick, good on small images."""

    kind: Literal["cnn"] = "cnn"
    """Which model this is."""
    blocks: Items[ConvBlock] = Field(
        (
            ConvBlock(channels=32, kernel=3, pool=2),
            ConvBlock(channels=64, kernel=3, pool=2),
            ConvBlock(channels=64, kernel=3, pool=1),
        ),
        min_length=1,
        max_length=16,
    )
    """The convolution blocks, first to last."""
    dense: Items[Annotated[int, Field(ge=1, le=4096)]] = Field((64,), max_length=4)
    """Widths of the dense layers between the blocks and the classes."""
    dropout: float = Field(0.0, ge=0, le=0.9)
    """Share of each dense layer that is silenced at random while training."""
    norm: Literal["none", "batch", "group"] = "none"
    """Normalisation after each convolution."""

    def sides(self, size: int) -> list[int]:
        """Side of the image after each block, in pixels."""
        found = []
        for block in self.blocks:
            size //= block.pool
            found.append(size)
        return found


class ResNet(Strict):
    """A residual network (He et al. 2016; depth 9: Page 2018)."""

    kind: Literal["resnet"] = "resnet"
    """Which model this is."""
    depth: Literal[9, 18] = 9
    """Layers with weights. 9 is the quick one, 18 the thorough one."""
    stem: Literal["small", "large", "whitening"] = "small"
    """small: 3 × 3, for images to about 64 pixels; large: 7 × 7, quarters the side; whitening: small,
    after a frozen 2 × 2 layer that whitens the training images' patches (Jordan 2024)."""
    width: int = Field(64, ge=8, le=256, multiple_of=8)
    """Channels of the first stage; each later stage doubles them."""
    norm: Literal["batch", "group"] = "batch"
    """Normalisation after each convolution; group for small batches."""


class ViT(Strict):
    """A vision Transformer (Dosovitskiy et al. 2021), small; it wants many images."""

    kind: Literal["vit"] = "vit"
    """Which model this is."""
    patch: int = Field(4, ge=1, le=64)
    """Side of the squares that the image is cut into, in pixels; must divide image.size."""
    width: int = Field(128, ge=8, le=1024, multiple_of=8)
    """Numbers that describe each patch."""
    depth: int = Field(6, ge=1, le=24)
    """Blocks of attention and feed-forward."""
    heads: int = Field(4, ge=1, le=32)
    """Attentions side by side in each block; must divide width."""
    dropout: float = Field(0.0, ge=0, le=0.9)
    """Share silenced at random while training, after each attention and feed-forward."""


class RNN(Strict):
    """A recurrent network: reads a text token by token."""

    kind: Literal["rnn"] = "rnn"
    """Which model this is."""
    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    """rnn: Elman 1990; lstm: Hochreiter and Schmidhuber 1997; gru: Cho et al. 2014."""
    embedding: int = Field(128, ge=8, le=1024)
    """Numbers that describe each token."""
    hidden: int = Field(128, ge=8, le=1024)
    """Numbers that the network remembers, in each direction."""
    layers: int = Field(1, ge=1, le=4)
    """Recurrent layers, one above the other."""
    bidirectional: bool = True
    """Whether a second reader starts at the end."""
    pool: Literal["last", "mean", "max", "mean_max"] = "max"
    """What the classes see of a text: its last state, the mean or the largest over all tokens, or
    the latter two side by side."""
    dropout: float = Field(0.3, ge=0, le=0.9)
    """Share silenced at random while training: of embeddings, and between layers."""
    head_dropout: float = Field(0.5, ge=0, le=0.9)
    """Share silenced at random while training: of what the classes see."""
    token_dropout: float = Field(0.1, ge=0, le=0.9)
    """Share of tokens that are hidden at random while training."""


class Transformer(Strict):
    """A Transformer encoder (Vaswani et al. 2017), normalised before each part (Xiong et al. 2020)."""

    kind: Literal["transformer"] = "transformer"
    """Which model this is."""
    width: int = Field(128, ge=8, le=1024, multiple_of=8)
    """Numbers that describe each token."""
    depth: int = Field(2, ge=1, le=24)
    """Blocks of attention and feed-forward."""
    heads: int = Field(4, ge=1, le=32)
    """Attentions side by side in each block; must divide width."""
    feed_forward: int = Field(4, ge=1, le=8)
    """Width inside each feed-forward, as a multiple of width."""
    pool: Literal["mean", "max", "mean_max"] = "mean_max"
    """What the classes see of a text: the mean or the largest over all tokens, or both side by side."""
    dropout: float = Field(0.1, ge=0, le=0.9)
    """Share silenced at random while training: of embeddings, after each attention and feed-forward."""
    head_dropout: float = Field(0.3, ge=0, le=0.9)
    """Share silenced at random while training: of what the classes see."""
    token_dropout: float = Field(0.1, ge=0, le=0.9)
    """Share of tokens that are hidden at random while training."""


ImageModel = CNN | ResNet | ViT
TextModel = RNN | Transformer
Model = Annotated[ImageModel | TextModel, Field(discriminator="kind")]
