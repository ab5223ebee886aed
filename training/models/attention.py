"""Blocks of attention and feed-forward, each normalised before it begins (Xiong et al. 2020)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of a sequence on itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.outputs = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``x``: batch × tokens × width. ``mask``: bool, batch × 1 × 1 × tokens, true where read."""
        batch, tokens, width = x.shape
        parts = self.inputs(x).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        y: Tensor = self.outputs(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return y


class Block(nn.Module):
    """Attention, then a feed-forward of each position by itself, each added to what went in."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        """``feed_forward``: its hidden width, as a multiple of ``width``."""
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.forward_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, feed_forward * width)
        self.down = nn.Linear(feed_forward * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        y: Tensor = x + self.dropout(self.down(F.gelu(self.up(self.forward_norm(x)))))
        return y
