"""Networks that read texts: int64 tokens, batch × tokens, 0 where a text has ended."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from training.config import RNN, Text, Transformer
from training.models.attention import Block

PADDING, UNKNOWN = 0, 1  # as training.data.tokenizer numbers them

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class TokenDropout(nn.Module):
    """While training, hides each token with probability ``share``: it reads as unknown."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, tokens: Tensor) -> Tensor:
        if not self.training or not self.share:
            return tokens
        hidden = torch.rand(tokens.shape, device=tokens.device) < self.share
        return tokens.masked_fill(hidden & (tokens != PADDING), UNKNOWN)


class Recurrent(nn.Module):
    """Layers of recurrent cells. The second direction reads each text from its own last token."""

    def __init__(self, model: RNN, text: Text, classes: int) -> None:
        super().__init__()
        cell, directions = CELLS[model.cell], 2 if model.bidirectional else 1
        self.hide = TokenDropout(model.token_dropout)
        self.embedding = nn.Embedding(text.vocabulary, model.embedding, PADDING)
        widths = [model.embedding, *[model.hidden * directions] * (model.layers - 1)]
        self.layers = nn.ModuleList(
            nn.ModuleList(cell(width, model.hidden, batch_first=True) for _ in range(directions))
            for width in widths
        )
        self.dropout = nn.Dropout(model.dropout)
        self.pool = model.pool
        self.head = Head(model.hidden * directions, model.pool, model.head_dropout, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        read = tokens != PADDING
        backwards = _reversal(read)
        x = self.embedding(self.hide(tokens))
        for layer in self.layers:
            # torch says Module of what a ModuleList holds, whatever was put in.
            x = _read(layer, self.dropout(x), backwards)  # type: ignore[arg-type]
        seen = self._last(x, read) if self.pool == "last" else pool(x, read, self.pool)
        logits: Tensor = self.head(seen)
        return logits

    def _last(self, x: Tensor, read: Tensor) -> Tensor:
        """The state of each direction when it had read all: at its own end of the text."""
        last = (read.sum(1) - 1).view(-1, 1, 1).expand(-1, 1, x.shape[2])
        ahead = x.gather(1, last).squeeze(1)
        if len(self.layers[0]) == 1:  # type: ignore[arg-type]
            return ahead
        half = x.shape[2] // 2
        return torch.cat((ahead[:, :half], x[:, 0, half:]), 1)


def _reversal(read: Tensor) -> Tensor:
    """Positions, batch × tokens, that turn each text around and leave its padding where it is."""
    positions = torch.arange(read.shape[1], device=read.device)
    turned = read.sum(1, keepdim=True) - 1 - positions
    return torch.where(turned >= 0, turned, positions)


def _read(directions: nn.ModuleList, x: Tensor, backwards: Tensor) -> Tensor:
    ahead: Tensor = directions[0](x)[0]
    if len(directions) == 1:
        return ahead
    # Turned around by indices rather than packed: packing waits for the device, and is slower.
    turned = x.gather(1, backwards[..., None].expand_as(x))
    back: Tensor = directions[1](turned)[0]
    return torch.cat((ahead, back.gather(1, backwards[..., None].expand_as(back))), 2)


class Encoder(nn.Module):
    """A Transformer encoder with learned positions."""

    def __init__(self, model: Transformer, text: Text, classes: int) -> None:
        super().__init__()
        self.hide = TokenDropout(model.token_dropout)
        self.embedding = nn.Embedding(text.vocabulary, model.width, PADDING)
        self.positions = nn.Parameter(torch.empty(text.max_length, model.width))
        self.dropout = nn.Dropout(model.dropout)
        self.blocks = nn.ModuleList(
            Block(model.width, model.heads, model.feed_forward, model.dropout)
            for _ in range(model.depth)
        )
        self.norm = nn.LayerNorm(model.width)
        self.pool = model.pool
        self.head = Head(model.width, model.pool, model.head_dropout, classes)
        nn.init.normal_(self.embedding.weight, std=0.1)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        read = tokens != PADDING
        mask = read[:, None, None, :]
        x = self.embedding(self.hide(tokens)) + self.positions[: tokens.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, mask)
        logits: Tensor = self.head(pool(self.norm(x), read, self.pool))
        return logits


class Head(nn.Sequential):
    """From what is seen of a text, batch × width (twice that for mean_max), to logits."""

    def __init__(self, width: int, pooled: str, dropout: float, classes: int) -> None:
        seen = 2 * width if pooled == "mean_max" else width
        super().__init__(nn.Dropout(dropout), nn.Linear(seen, classes))


def pool(x: Tensor, read: Tensor, how: Literal["mean", "max", "mean_max"]) -> Tensor:
    """One row for each text, of ``x``, batch × tokens × width, over the tokens that were read."""
    if how == "mean_max":
        return torch.cat((pool(x, read, "mean"), pool(x, read, "max")), 1)
    if how == "max":
        return x.masked_fill(~read[..., None], -torch.inf).amax(1)
    weights = read[..., None].to(x.dtype)
    return (x * weights).sum(1) / weights.sum(1)
