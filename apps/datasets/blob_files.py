"""Blobs as local files, each of them whole or not there, whatever ends its writer."""

import os
import tempfile
from pathlib import Path
from typing import Any

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
    def _writing(self) -> Path:
        return Path(self.location) / WRITING

    def _save(self, name: str, content: "File[Any]") -> str:
        path = self.path(name)
        for folder in (self._writing, os.path.dirname(path)):
            os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._writing, delete=False) as out:
            try:
                for chunk in content.chunks():
                    out.write(chunk)
                out.flush()
                os.fchmod(out.fileno(), self.file_permissions_mode or 0o644)
                os.fsync(out.fileno())  # or a power cut could leave the name without its content
                os.replace(out.name, path)
            except BaseException:
                os.unlink(out.name)
                raise
        return name

    def sweep(self) -> None:
        """Remove what killed writers left."""
        remove_leftovers(self._writing, "*")
