"""Foreign bytes in, a clean image out: sniffed, bounded, decoded, oriented, stripped, hashed."""

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from apps.datasets.ingest.lookalike import is_comparable, pdq_of
from apps.datasets.ingest.refusal import Refused

THUMBNAIL_SIDE = 256
MIN_SIDE = 4
# Pixels of a piece that is worked on at a time, where no other whole picture should be in memory.
PIECE = 2**19
# The lossless WebP encoder takes twenty bytes a pixel; a larger picture is stored as PNG.
WEBP_PIXELS = 12_000_000
# What the first bytes say. Names never decide.
SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
)
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "text/plain": "txt"}
# For a refusal that names what the file really is.
OTHER_KINDS = (
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "Photoshop"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
)
HEIF_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif")
DECODE_ERRORS = (OSError, SyntaxError, ValueError, TypeError, struct.error, EOFError, IndexError)
# Modes that a model or a browser can use as they are, per format.
KEPT_MODES = {"JPEG": {"L", "RGB"}, "PNG": {"L", "RGB", "RGBA"}, "WEBP": {"RGB", "RGBA"}}
# Keys of Image.info that say how pixels are stored, not who took the picture or where.
HARMLESS_INFO = frozenset(
    "jfif jfif_version jfif_unit jfif_density dpi progressive progression adobe adobe_transform "
    "interlace gamma srgb transparency aspect loop duration background timestamp mpoffset".split()
)


@dataclass(frozen=True)
class CleanImage:
    """What is kept of a file: its pixels, encoded anew, and nothing else."""

    data: bytes
    thumbnail: bytes | None  # None: the image is small enough to be its own
    media_type: str
    width: int  # pixels, after orientation
    height: int
    content_sha256: str
    pdq: str = ""  # perceptual hash, 64 hex digits; empty where it would say nothing
    fixes: list[str] = field(default_factory=list)

    def without_bytes(self) -> "CleanImage":
        return replace(self, data=b"", thumbnail=None)


def clean_image(data: bytes, *, max_pixels: int) -> CleanImage:
    """Decode `data` completely and encode it anew from a fresh image.

    Raises Refused with one of: empty_file, not_an_image, unsupported_format, unreadable,
    truncated, too_many_pixels, too_small, animated.
    """
    kind = sniff(data)
    with warnings.catch_warnings():
        # Pillow warns of what it reads around; what matters here is refused or encoded anew.
        warnings.simplefilter("ignore")
        try:
            return _clean(data, kind, max_pixels)
        except OSError:  # Pillow's word for damage: no disk is touched here
            raise Refused("unreadable") from None


def _clean(data: bytes, kind: str, max_pixels: int) -> CleanImage:
    opened = _open(data, kind, max_pixels)
    quantisation = _jpeg_tables(opened) if kind == "JPEG" else {}
    fixes = _metadata_found(opened)
    if (frames := getattr(opened, "n_frames", 1)) > 1:
        # A phone's JPEG may carry previews behind the picture; an animation is no single sample.
        if kind != "JPEG":
            raise Refused("animated", frames=frames)
        fixes.append("previews_removed")
    mode = opened.mode
    oriented = _orient(_decode(opened))
    if oriented is not opened:
        fixes.append("oriented")
    # Pixels are let go as soon as the next form of them is there: four bytes each, and a worker may
    # have fifty million of them at a time.
    del opened
    image = _to_kept_mode(oriented, kind)
    del oriented
    if image.mode != mode:
        fixes.append("converted")
        quantisation = {}
    if kind == "WEBP" and image.width * image.height > WEBP_PIXELS:
        fixes.append("stored_as_png")
        kind = "PNG"
    small = _small(image)
    found = CleanImage(
        data=b"",
        thumbnail=_save(small, "JPEG", quality=82) if small else None,
        media_type=MEDIA_TYPES[kind],
        width=image.width,
        height=image.height,
        content_sha256=_content_sha256(image),
        pdq=pdq_of(small or image) if is_comparable(image.size) else "",
        fixes=fixes,
    )
    fresh = _fresh(image)
    del image
    return replace(found, data=_encode(fresh, kind, quantisation))


def sniff(data: bytes) -> str:
    """ "JPEG", "PNG" or "WEBP" by content. Raises Refused, naming what it is if that is known."""
    if not data:
        raise Refused("empty_file")
    for signature, kind in SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, name in OTHER_KINDS:
        if start.startswith(signature):
            raise Refused("unsupported_format", found=name)
    if data[4:12] in HEIF_BRANDS:
        raise Refused("unsupported_format", found="HEIC or AVIF")
    raise Refused("not_an_image")


def _open(data: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Read the header only; every bound is checked before a pixel is decoded."""
    if kind == "WEBP":  # its decoder holds four copies of the picture where the others hold one
        max_pixels //= 2
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels", limit=max_pixels) from None
    except (UnidentifiedImageError, *DECODE_ERRORS):
        raise Refused("unreadable") from None
    if image.width * image.height > max_pixels:
        raise Refused("too_many_pixels", limit=max_pixels, width=image.width, height=image.height)
    if min(image.size) < MIN_SIDE:
        raise Refused("too_small", width=image.width, height=image.height, limit=MIN_SIDE)
    return image


def _decode(image: Image.Image) -> Image.Image:
    try:
        image.seek(0)
        image.load()
    except DECODE_ERRORS as error:
        code = "truncated" if "truncated" in str(error).lower() else "unreadable"
        raise Refused(code) from None
    return image


def _metadata_found(image: Image.Image) -> list[str]:
    extra = {str(key).lower() for key in image.info} - HARMLESS_INFO
    if "icc_profile" in extra:
        return ["metadata_removed", "colour_profile_removed"]
    return ["metadata_removed"] if extra else []


def _orient(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; an unreadable EXIF block is dropped with the rest."""
    try:
        turned = ImageOps.exif_transpose(image) if image.getexif().get(0x0112, 1) != 1 else image
    except DECODE_ERRORS:
        return image
    return turned or image


def _to_kept_mode(image: Image.Image, kind: str) -> Image.Image:
    if image.mode in KEPT_MODES[kind] and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _high_bytes(image)
    if image.mode == "1":
        return image.convert("L")
    has_alpha = "A" in image.getbands() or "a" in image.mode or "transparency" in image.info
    return image.convert("RGBA" if has_alpha and kind != "JPEG" else "RGB")


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """(top, some rows) from top to bottom: so that no work needs another whole large image."""
    rows = max(1, PIECE // image.width)
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _high_bytes(image: Image.Image) -> Image.Image:
    """16-bit greys: the high byte of each (convert() would clip instead)."""
    found = Image.new("L", image.size, None)
    for top, rows in _bands(image):
        found.paste(rows.convert("I").point(lambda value: value / 256).convert("L"), (0, top))
    return found


def _fresh(image: Image.Image) -> Image.Image:
    """The same pixels in an image that never saw the file: no comment, chunk or tail follows."""
    fresh = Image.new(image.mode, image.size, None)  # unfilled: every pixel is pasted over
    fresh.paste(image)
    return fresh


def _jpeg_tables(image: Image.Image) -> dict[str, Any]:
    """The file's own quantisation and subsampling, so that encoding again costs almost nothing."""
    sampling = JpegImagePlugin.get_sampling(image)
    tables: dict[str, Any] = {"qtables": getattr(image, "quantization", None)}
    return tables | ({"subsampling": sampling} if sampling >= 0 else {})


def _encode(image: Image.Image, kind: str, quantisation: dict[str, Any]) -> bytes:
    if kind == "PNG":
        return _save(image, "PNG")
    if kind == "WEBP":
        return _save(image, "WEBP", lossless=True, method=2)
    if quantisation.get("qtables"):
        try:
            return _save(image, "JPEG", **quantisation)
        except DECODE_ERRORS:
            pass  # odd tables (more than four, or 16-bit): encode by quality instead
    return _save(image, "JPEG", quality=95, subsampling=0)


def _save(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _small(image: Image.Image) -> Image.Image | None:
    """The thumbnail's picture, its longer side 256 to 384 pixels; None: the image is no larger itself."""
    longest = max(image.size)
    if longest <= THUMBNAIL_SIDE:
        return None
    picture = _on_white(image) if image.mode == "RGBA" else image
    # Whole squares of pixels averaged: a quarter of the time of resampling, and no eye can tell.
    if longest >= 2 * THUMBNAIL_SIDE:
        return picture.reduce(longest // THUMBNAIL_SIDE)
    scale = THUMBNAIL_SIDE / longest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _on_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _content_sha256(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height}\n".encode())
    for _top, rows in _bands(image):
        digest.update(rows.tobytes())
    return digest.hexdigest()
