"""The whole of a text sample: the row itself holds only its beginning, for lists."""

from apps.datasets import blobs
from apps.datasets.models import Sample


def whole(sample: Sample) -> str:
    """All of it; the store is asked only where the excerpt is not all. Empty for an image."""
    if not sample.excerpt or sample.size == len(sample.excerpt.encode()):
        return sample.excerpt
    return blobs.read(sample.blob_sha256).decode()
