"""The file that says what a run is: ``job.json`` in the run's folder."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training.config import JobConfig
from training.data.pack import Source
from training.errors import TrainingError
from training.explain import describe_errors

Name = Annotated[str, Field(min_length=1, max_length=300)]


class Job(BaseModel):
    """Everything a run is told. Paths are absolute."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    config: JobConfig
    classes: list[Name] = Field(min_length=2, max_length=10_000)
    """The class list; a label is a position in it."""
    manifest: str
    """Parquet file with the columns sample, label, split."""
    blobs: str
    """Folder with the stored files, ``ab/cd/abcd…``."""
    digest: str = Field(min_length=1, max_length=200)
    """The version's digest; with the manifest and how files are read it names the pack."""
    packs: str
    """Folder where decoded versions are kept."""
    threads: int = Field(1, ge=1, le=256)
    """Threads for torch and for decoding: as many as are reserved for the run."""
    pack_limit_bytes: int | None = Field(None, ge=0)
    """What the folder of packs may weigh; null: no limit."""
    flips_preserve_labels: bool = False
    """Whether the dataset says that a mirrored picture keeps its label."""
    seal: bool = False
    """Whether the labels of the test split must not be written anywhere."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_seconds: float = Field(30.0, gt=0, le=3600)

    @field_validator("manifest", "blobs", "packs")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("must be an absolute path")
        return value

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("must name each class once")
        return value

    def source(self) -> Source:
        """What the run's pack is made of."""
        return Source(
            manifest=Path(self.manifest),
            blobs=Path(self.blobs),
            digest=self.digest,
            classes=tuple(self.classes),
            policy=self.config.text if self.config.reads_texts else self.config.image,
        )


def read_job(folder: Path) -> Job:
    """Read ``job.json``. Raises ``TrainingError("bad_input")`` that names each wrong field."""
    try:
        job = Job.model_validate_json((folder / "job.json").read_bytes())
    except OSError as error:
        raise TrainingError("bad_input", f"job.json cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{re.sub(r'^config[.](?=.)', '', name)}: {' '.join(sentences)}"
            for name, sentences in describe_errors(error).items()
        )
        raise TrainingError("bad_input", f"job.json is not valid. {wrong}") from error
    if job.config.augmentation.flip and not job.flips_preserve_labels:
        raise TrainingError(
            "bad_input",
            "augmentation.flip: this dataset does not say that mirrored pictures keep their label; "
            "turn flipping off, or let a maintainer declare it.",
        )
    return job
