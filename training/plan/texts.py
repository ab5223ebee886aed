"""The layers of networks for texts of so many tokens, as ``training.models`` builds them."""

from training.config import RNN, Text, Transformer
from training.plan.layers import FULL, INDEX, Layer, classes_of, encoder

GATES = {
    "rnn": 1,
    "lstm": 4,
    "gru": 3,
}  # matrices that a cell applies to its input, and to its state


def rnn(model: RNN, text: Text, classes: int, tokens: int, half: int) -> list[Layer]:
    width, out = model.embedding, model.hidden * (1 + model.bidirectional)
    layers = [_embedding(tokens, width, text.vocabulary, 0)]
    for number in range(model.layers):
        layers.append(_recurrent(f"layers.{number}", width, model, tokens, half))
        width = out
    return [*layers, _head(model, classes, tokens, out, _wide(model, half), half)]


def transformer(
    model: Transformer, text: Text, classes: int, tokens: int, half: int
) -> list[Layer]:
    width, dropout = model.width, model.dropout > 0
    # The stream begins: float32, as embeddings and positions are; and the dropout's noise.
    stream = FULL * tokens * width * (1 + dropout)
    embedding = _embedding(tokens, width, text.vocabulary + text.max_length, stream)
    blocks = encoder(model, model.feed_forward, tokens, half)
    return [embedding, *blocks, _head(model, classes, tokens, width, FULL, half)]


def _head(
    model: RNN | Transformer, classes: int, tokens: int, width: int, wide: int, half: int
) -> Layer:
    """Pooling of ``tokens`` × ``width`` numbers of ``wide`` bytes, dropout, and the classes."""
    ways = model.pool.split("_")  # mean_max is both, side by side
    pooled = [_pool(way, tokens, width, wide) for way in ways]
    seen = width * len(ways)
    kept = sum(one[0] for one in pooled) + FULL * seen * (model.head_dropout > 0)
    # Both ways' gradients of the stream are there before they are added up.
    moving = max(one[1] for one in pooled) + tokens * width * wide * (len(ways) - 1)
    return classes_of(seen, classes, half, kept=kept, moving=moving)


def _embedding(tokens: int, width: int, rows: int, kept: int) -> Layer:
    """It keeps which of its ``rows`` were looked up; what comes after may need more of it."""
    return Layer(
        "embedding",
        "embedding",
        (tokens, width),
        rows * width,
        0,
        INDEX * tokens + kept,
        FULL * tokens * width * 2,
    )


def _recurrent(name: str, inputs: int, model: RNN, tokens: int, half: int) -> Layer:
    """Cells of one or two directions, and the dropout before them."""
    hidden, directions = model.hidden, 1 + model.bidirectional
    rows = GATES[model.cell] * hidden
    weights = rows * (inputs + hidden)
    # Each direction has its own copy of what goes in, tokens first.
    kept = directions * (half * inputs + _cell(model.cell, inputs, hidden, half))
    kept += FULL * inputs * (model.dropout > 0)
    return Layer(
        name,
        "recurrent",
        (tokens, hidden * directions),
        directions * (weights + 2 * rows),
        directions * 2 * weights * tokens,
        tokens * kept,
        tokens * _passing(model, inputs, half),
        matrices=((rows, inputs), (rows, hidden)) * directions,
    )


def _passing(model: RNN, inputs: int, half: int) -> int:
    """Bytes per token that are there only while a layer reads, which is when most is there: backward
    passes free more than they make."""
    out, both = _wide(model, half) * model.hidden, model.bidirectional
    # What goes in: as it came, after dropout, and turned around.
    going_in = FULL * inputs * (1 + (model.dropout > 0) + both)
    # What the gates take from the input, for all tokens at once, and what the directions say.
    gates = 0 if model.cell == "lstm" else half * GATES[model.cell] * model.hidden
    # What both say, one of them turned back, and side by side.
    joining = out * (5 if both else 1)
    return going_in + max(gates + out * (1 + both), joining)


def _wide(model: RNN, half: int) -> int:
    """Bytes of a number that a cell gives; GRUs answer in float32 also under autocast."""
    return FULL if model.cell == "gru" else half


def _cell(cell: str, inputs: int, hidden: int, half: int) -> int:
    """Bytes that a cell keeps of each token."""
    if cell == "rnn":
        return half * hidden
    if cell == "gru":
        # The state's part of three gates; reset and update gate, new state, and its difference from
        # the old one. Under autocast the gates are float32 numbers that are cast.
        return 28 * hidden if half == FULL else 16 * hidden
    # The states, and oneDNN's workspace: what it allocates with torch 2.13 for 8 to 512 numbers, within
    # a tenth. A GPU's cuDNN needs less.
    workspace = 9 * hidden + 6 * max(inputs, hidden)
    return (4 if half == FULL else 3) * workspace + half * hidden


def _pool(pool: str, tokens: int, width: int, wide: int) -> tuple[int, int]:
    """Bytes kept and moving where many tokens become one row."""
    stream = tokens * width * wide
    if pool == "max":
        # All, with padding made minus infinity; then where the largest stand, and their gradient.
        return stream + tokens, stream + tokens * width
    return (FULL * tokens if pool == "mean" else INDEX * width), 2 * stream
