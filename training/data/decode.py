"""Stored files to what a pack holds: an image to a square of bytes, a text to a string."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps

from training.config import MOST_PIXELS, Image
from training.errors import TrainingError

FORMATS = ("JPEG", "PNG", "WEBP")  # Pillow's other readers are not for files from outside
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Pillow.DecompressionBombError,
    Pillow.DecompressionBombWarning,
)


def blob_path(root: Path, sample: str) -> Path:
    """Where the stored file of a sample lies."""
    return root / sample[:2] / sample[2:4] / sample


def read_blob(root: Path, sample: str) -> bytes:
    """The file of ``sample``, if it is what its name says. Raises ``TrainingError("bad_input")``."""
    try:
        # Not by blob_path: joining paths would take longer than reading a small file.
        with open(f"{root}/{sample[:2]}/{sample[2:4]}/{sample}", "rb", buffering=0) as file:
            content = file.read()
    except OSError as error:
        raise TrainingError("bad_input", f"Sample {sample} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != sample:
        raise TrainingError("bad_input", f"The file of sample {sample} is damaged: restore it.")
    return content


def decode_images(root: Path, samples: Sequence[str], policy: Image) -> bytes:
    """The images of ``samples``, samples × size × size × channels. Raises
    ``TrainingError("bad_input")``."""
    return b"".join(_decode(read_blob(root, sample), sample, policy) for sample in samples)


def _decode(content: bytes, sample: str, policy: Image) -> bytes:
    try:
        return to_square(content, policy).tobytes()
    except UNREADABLE as error:
        raise TrainingError("bad_input", f"Sample {sample} is no image: {error}") from error


def to_square(content: bytes, policy: Image) -> Pillow.Image:
    """A JPEG, PNG or WebP file as the network sees it. Raises one of ``UNREADABLE``."""
    mode = "L" if policy.channels == "grey" else "RGB"
    with Pillow.open(io.BytesIO(content), formats=FORMATS) as picture:
        if picture.width * picture.height > MOST_PIXELS:  # before a pixel is decoded
            raise ValueError("it has too many pixels")
        # A JPEG is decoded at an eighth, a quarter or a half, where that is twice what is wanted still.
        picture.draft(mode, (2 * policy.size, 2 * policy.size))
        picture.load()  # one that fits already is handed on, and its file is closed here
        return fit(picture if picture.mode == mode else picture.convert(mode), policy)


def fit(picture: Pillow.Image, policy: Image) -> Pillow.Image:
    """Make it square as the policy says; shrinking averages, so nothing aliases."""
    side = (policy.size, policy.size)
    if picture.size == side:
        return picture
    smooth = Pillow.Resampling.BILINEAR
    if policy.resize == "stretch":
        return picture.resize(side, smooth)
    if policy.resize == "crop":
        return ImageOps.fit(picture, side, smooth)
    return ImageOps.pad(picture, side, smooth, color=0)


def read_texts(root: Path, samples: Sequence[str]) -> list[str]:
    """The texts of ``samples``. Raises ``TrainingError("bad_input")``."""
    return [_text(read_blob(root, sample), sample) for sample in samples]


def _text(content: bytes, sample: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise TrainingError("bad_input", f"Sample {sample} is no text: {error}") from error
