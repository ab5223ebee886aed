"""Pictures that look alike: PDQ, a 256-bit perceptual hash, and the slices by which it is indexed.

Source of the hash: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"
(Facebook, 2019). Re-encoded and resized copies differ by a few bits, unrelated pictures by about 128.

Two hashes of at most 23 differing bits, cut into twelve slices, have a slice that differs by one bit
at most (23 < 2 × 12). So the slices of a picture and their one-bit neighbours find every look-alike.
"""

from PIL import Image

MAX_DISTANCE = 23
# PDQ looks at 64×64 points: a smaller picture has none of the detail that it compares, nor has a strip.
MIN_SIDE = 64
MAX_RATIO = 4
# PDQ's own measure of how much there is to compare, 0 to 100; its authors discard below 50.
MIN_QUALITY = 50
# Hashed at this size: the hash of the whole picture differs by few bits and costs twenty times more.
SIDE = 128
# Bits of each slice: 8 × 21 + 4 × 22 = 256.
WIDTHS = (21,) * 8 + (22,) * 4
SLICE = 22  # bits kept free for a slice's value in its key
# What makes of a slice itself and its one-bit neighbours.
MASKS = [(0, *(1 << bit for bit in range(width))) for width in WIDTHS]


def is_comparable(size: tuple[int, int]) -> bool:
    """By the picture's own width and height: a copy of another size must be judged the same."""
    return min(size) >= MIN_SIDE and max(size) <= MAX_RATIO * min(size)


def pdq_of(image: Image.Image) -> str:
    """64 hex digits, of a picture or its thumbnail; empty for one that is too plain to be compared."""
    # Only the ingest worker decodes images; the web process must not load numpy.
    import numpy as np  # noqa: PLC0415
    import pdqhash  # noqa: PLC0415

    small = image.convert("L")  # PDQ looks at brightness only: one band to shrink instead of three
    if max(image.size) > SIDE:
        shrunk = [max(1, round(side * SIDE / max(image.size))) for side in image.size]
        small = small.resize((shrunk[0], shrunk[1]), Image.Resampling.BILINEAR, reducing_gap=3.0)
    bits, quality = pdqhash.compute(np.asarray(Image.merge("RGB", (small, small, small))))
    if quality < MIN_QUALITY:
        return ""
    return np.packbits(bits.astype(np.uint8)).tobytes().hex()


def distance(one: str, other: str) -> int:
    """Differing bits of two hashes."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def band_keys(pdq: str) -> list[int]:
    """The index keys of a hash: the number of each slice and its bits."""
    return [number << SLICE | value for number, value in enumerate(_slices(pdq))]


def probe_keys(pdq: str) -> list[int]:
    """The keys under which every look-alike within MAX_DISTANCE has at least one entry."""
    keys: list[int] = []
    for key, masks in zip(band_keys(pdq), MASKS, strict=True):
        keys.extend(map(key.__xor__, masks))
    return keys


def _slices(pdq: str) -> list[int]:
    rest, values = int(pdq, 16), []
    for width in WIDTHS:
        values.append(rest & ((1 << width) - 1))
        rest >>= width
    return values
