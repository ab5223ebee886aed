"""One layer: what comes out of it, and what it takes to compute and to train it.

Operations: a convolution or a product of matrices does one multiplication and one addition for each
weight and output position, counted as two; that is also how ``torch.utils.flop_counter`` counts. Norms,
activations, pooling, dropout and looking up embeddings are not counted.

Memory: an activation has ``half`` bytes, 4 in float32 and 2 under bf16 autocast. What is kept for the
backward pass follows from each derivative: a convolution or dense layer needs its input, a norm its
input, a ReLU its output (it works in place, so the norm's or the convolution's output is gone), max-
pooling its input and where the largest were (8 bytes each), dropout its noise. A tensor that two of them
need is counted once, with the layer that makes it.
"""

from dataclasses import dataclass
from typing import Literal

from training.config import Transformer, ViT

Shape = tuple[int, ...]
Norm = Literal["none", "batch", "group"]

FULL = 4  # bytes of a float32
INDEX = 8  # bytes of an int64


@dataclass(frozen=True)
class Layer:
    """One layer with weights, together with the norm, activation, pooling and dropout around it."""

    name: str
    kind: Literal["conv", "dense", "embedding", "attention", "feed_forward", "recurrent", "norm"]
    shape: Shape
    """What comes out for one sample: channels, height, width; or tokens, width."""
    parameters: int
    """Trainable numbers."""
    flops: int
    """Operations of a forward pass for one sample."""
    kept: int = 0
    """Bytes per sample that are kept from its forward pass until its backward pass."""
    moving: int = 0
    """Bytes per sample that are there only while it is trained: mostly gradients, at their most."""
    forward: int = 0
    """Bytes per sample that are there while it is evaluated; 0: as many as ``moving``."""
    matrices: tuple[tuple[int, int], ...] = ()
    """Rows and columns of the weights that Muon makes orthogonal."""


def conv(
    name: str,
    before: Shape,
    channels: int,
    kernel: int,
    side: int,
    *,
    norm: Norm,
    half: int,
    pooled: int = 0,
    copies: int | None = None,
    held: int = 0,
    waiting: int = 0,
) -> Layer:
    """A convolution of ``before``, its norm, pooling from ``side`` to ``pooled``, and ReLU.

    ``copies``: tensors of its size that are kept, where it is not one for the convolution (the input of
    norm or pooling, or else the ReLU's output) and one for the norm (the same). ``held``: gradients of
    its size that wait for the other way around it; ``waiting``: activations that do.
    """
    inputs, weights = before[0], before[0] * channels * kernel**2
    extra = channels if norm == "none" else 2 * channels  # a bias, or a norm's scale and shift
    taken = inputs * before[1] * before[2]
    made, out = channels * side**2, channels * (pooled or side) ** 2
    # A GPU computes group norm in float32, and the next convolution casts its input back: an upper
    # bound for CPUs, which stay with bf16.
    wide = FULL if norm == "group" else half
    kept = wide * made * (copies or (1 if norm == "none" else 2))
    if pooled:
        kept += (wide + INDEX) * out  # the ReLU's output, and the places of the largest
    if wide != half:
        kept += half * out
    return Layer(
        name,
        "conv",
        (channels, pooled or side, pooled or side),
        weights + extra,
        2 * weights * side**2,
        kept,
        # ReLU's and pooling's backward passes have their gradient and the next at once; where the
        # convolution's own begins, what it kept is gone.
        wide * (max(made + out, taken) + held * made),
        # What goes in and comes out of the convolution, the norm or the pooling.
        wide * (made + max(taken, out if pooled else 0, made if norm != "none" else 0))
        + wide * waiting * made,
        ((channels, inputs * kernel**2),),
    )


def dense(name: str, inputs: int, outputs: int, half: int, *, dropout: bool) -> Layer:
    """A dense layer, ReLU and dropout. Noise and output of the dropout are kept beside its input."""
    return Layer(
        name,
        "dense",
        (outputs,),
        (inputs + 1) * outputs,
        2 * inputs * outputs,
        half * outputs * (3 if dropout else 1),
        half * (inputs + outputs),
        matrices=((outputs, inputs),),
    )


def classes_of(inputs: int, classes: int, half: int, *, kept: int = 0, moving: int = 0) -> Layer:
    """The last dense layer and the loss, which keeps the logits, in float32, and their softmax.

    ``kept`` and ``moving`` are of what stands between it and the layers before.
    """
    return Layer(
        "classes",
        "dense",
        (classes,),
        (inputs + 1) * classes,
        2 * inputs * classes,
        kept + half * (inputs + classes) + 2 * FULL * classes,
        moving + half * inputs + 2 * FULL * classes,
    )


def encoder(model: ViT | Transformer, feed_forward: int, tokens: int, half: int) -> list[Layer]:
    """The blocks of a Transformer, and the norm behind them."""
    width, dropout = model.width, model.dropout > 0
    layers: list[Layer] = []
    for number in range(model.depth):
        layers += [
            _attention(f"blocks.{number}.attention", tokens, width, model.heads, half, dropout),
            _feed_forward(
                f"blocks.{number}.forward", tokens, width, feed_forward * width, half, dropout
            ),
        ]
    stream = FULL * tokens * width
    return [
        *layers,
        Layer("norm", "norm", (tokens, width), 2 * width, 0, 2 * FULL * tokens, 2 * stream),
    ]


def _attention(name: str, tokens: int, width: int, heads: int, half: int, dropout: bool) -> Layer:
    """Norm, multi-head attention and dropout, added to the stream of activations, which is float32.

    The scores, tokens × tokens, are recomputed and not kept (Dao et al. 2022, "FlashAttention").
    """
    stream = tokens * width
    # In: the norm's output. Then queries, keys and values; what they mix; the dropout's noise.
    kept = half * stream * (5 + dropout) + FULL * (stream + tokens * (heads + 2))
    return Layer(
        name,
        "attention",
        (tokens, width),
        4 * width * (width + 1) + 2 * width,
        # Four matrices of width × width for each token, then each token by each, twice.
        2 * tokens * 4 * width**2 + 4 * tokens**2 * width,
        kept,
        # The stream's gradient, and those of queries, keys and values, apart and side by side.
        FULL * stream + half * stream * 6,
        matrices=((3 * width, width), (width, width)),
    )


def _feed_forward(
    name: str, tokens: int, width: int, inner: int, half: int, dropout: bool
) -> Layer:
    """Norm, two dense layers with GELU between, and dropout, added to the stream."""
    stream, hidden = tokens * width, tokens * inner
    # In: the norm's output. Then GELU's input and output; the dropout's noise.
    kept = half * (stream * (1 + dropout) + 2 * hidden) + FULL * (stream + 2 * tokens)
    return Layer(
        name,
        "feed_forward",
        (tokens, width),
        2 * inner * width + inner + width + 2 * width,
        2 * tokens * 2 * inner * width,
        kept,
        # The stream's gradient and that of GELU's output; where that of its input begins, the output
        # itself is gone.
        FULL * stream + half * hidden,
        # The stream and the norm's output; GELU's input and output.
        FULL * stream + half * (stream + 2 * hidden),
        ((inner, width), (width, inner)),
    )
