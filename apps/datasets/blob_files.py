"""Blobs as local files, each of them whole or not there, whatever ends its writer."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from apps.datasets.leftovers import remove_leftovers

# One folder for all that is being written: leftovers are found without walking through every blob.
WRITING = "writing"


class BlobFiles(FileSystemStorage):
    """Written under another name, flushed to the disk, then renamed. Saving again replaces."""

    def __init__(self, location: str | Path) -> None:
        super().__init__(location=location, allow_overwrite=True)

    @property
    def _writing(self) -> str:
        return os.path.join(self.location, WRITING)

    def save(self, name: str, content: "File[Any]", max_length: int | None = None) -> str:  # type: ignore[override]
        """Without Django's checks of a name that somebody chose: a blob's is its own hash."""
        partial = os.path.join(self._writing, uuid4().hex)
        with open(partial, "xb", opener=self._opener) as out:
            try:
                for chunk in File(content).chunks():
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())  # or a power cut could leave the name without its content
                _move(partial, self.path(name))
            except BaseException:
                os.unlink(partial)
                raise
        return name

    def _opener(self, path: str, flags: int) -> int:
        mode = self.file_permissions_mode or 0o644
        try:
            return os.open(path, flags, mode)
        except FileNotFoundError:  # the first one
            os.makedirs(self._writing, exist_ok=True)
            return os.open(path, flags, mode)

    def sweep(self) -> None:
        """Remove what killed writers left."""
        remove_leftovers(Path(self._writing), "*")


def _move(partial: str, path: str) -> None:
    try:
        os.replace(partial, path)
    except FileNotFoundError:  # the first of its folder
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(partial, path)
