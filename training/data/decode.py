"""One stored image to a square of bytes."""

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
    """Where the stored image of a sample lies."""
    return root / sample[:2] / sample[2:4] / sample


def decode(root: Path, sample: str, policy: Image) -> npt.NDArray[np.uint8]:
    """The image of ``sample``, size × size × channels. Raises ``TrainingError("bad_input")``."""
    try:
        content = blob_path(root, sample).read_bytes()
    except OSError as error:
        raise TrainingError("bad_input", f"Sample {sample} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != sample:
        raise TrainingError("bad_input", f"The file of sample {sample} is damaged: restore it.")
    try:
        with Pillow.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:  # before a pixel is decoded
                raise TrainingError("bad_input", f"Sample {sample} has too many pixels.")
            square = fit(picture.convert("L" if policy.channels == "grey" else "RGB"), policy)
    except UNREADABLE as error:
        raise TrainingError("bad_input", f"Sample {sample} is no image: {error}") from error
    return np.asarray(square, dtype=np.uint8).reshape(policy.size, policy.size, policy.depth)


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
