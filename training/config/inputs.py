"""What a network sees: a picture as a square of numbers, a text as a row of tokens."""

from typing import Literal

from pydantic import Field

from training.config.strict import Strict

MOST_PIXELS = 64_000_000  # of an image of a sample, whatever size it is trained at


class Image(Strict):
    """How a picture of any size becomes a square of numbers."""

    size: int = Field(32, ge=8, le=512)
    """Side of the square that the model sees, in pixels."""
    resize: Literal["letterbox", "crop", "stretch"] = "letterbox"
    """letterbox: all of the picture, black bars; crop: its centre; stretch: both sides squeezed."""
    channels: Literal["grey", "rgb"] = "rgb"
    """grey is enough where colour says nothing, and trains faster."""

    @property
    def depth(self) -> int:
        """Numbers per pixel."""
        return 1 if self.channels == "grey" else 3


class Augmentation(Strict):
    """Changes that keep the label true, drawn anew for each picture in each epoch."""

    flip: bool = False
    """Mirror half of the pictures left to right. Only where a mirrored thing keeps its name."""
    alternate: bool = False
    """With flip: chance decides in the first epoch only, then each picture takes turns."""
    translate: float = Field(0.0, ge=0, le=0.5)
    """Shift by up to this fraction of the side, in whole pixels, both ways."""
    rotate: float = Field(0.0, ge=0, le=180)
    """Turn by up to this many degrees, both ways."""
    zoom: float = Field(0.0, ge=0, le=0.5)
    """Scale by up to this fraction, in and out."""
    crop: float = Field(0.0, ge=0, le=0.9)
    """Enlarge a part at a random place whose side is smaller by up to this fraction."""
    cutout: float = Field(0.0, ge=0, le=0.75)
    """Blank a square at a random place, of this fraction of the side (DeVries and Taylor 2017)."""
    colour: float = Field(0.0, ge=0, le=0.9)
    """Change brightness, contrast and saturation by up to this fraction."""
    mixup: float = Field(0.0, ge=0, le=1)
    """Blend pairs of pictures and their labels by a Beta(mixup, mixup) share (Zhang et al. 2018)."""


class Text(Strict):
    """How a text becomes a row of tokens. The vocabulary is learned from the training split alone."""

    tokenizer: Literal["bpe", "characters"] = "bpe"
    """bpe: frequent pieces of words (Sennrich et al. 2016); characters: one token each, for Chinese."""
    vocabulary: int = Field(2000, ge=64, le=32_000)
    """The most tokens to tell apart; rarer ones become one."""
    lowercase: bool = True
    """Whether capital letters are read as small ones."""
    max_length: int = Field(128, ge=8, le=1024, multiple_of=8)
    """Tokens of a text that are read; the rest is cut."""
