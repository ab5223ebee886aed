"""A vision Transformer: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words".

Learned positions; the classes see the mean over all patches (its appendix D.3), not a class token.
"""

import torch
from torch import Tensor, nn

from training.config import Image, ViT
from training.models.attention import Block

FEED_FORWARD = 4  # times the width, as in all of the paper's models


class VisionTransformer(nn.Module):
    """Images, normalised, batch × channels × size × size, to logits, batch × classes."""

    def __init__(self, model: ViT, image: Image, classes: int) -> None:
        super().__init__()
        width, side = model.width, image.size // model.patch
        self.patches = nn.Conv2d(image.depth, width, model.patch, model.patch)
        self.positions = nn.Parameter(torch.empty(1, side**2, width))
        self.dropout = nn.Dropout(model.dropout)
        self.blocks = nn.ModuleList(
            Block(width, model.heads, FEED_FORWARD, model.dropout) for _ in range(model.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.classes = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = self.dropout(x + self.positions)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.classes(self.norm(x).mean(1))
        return logits
