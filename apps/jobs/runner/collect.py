"""What a run has left in its folder, put into the blob store and into one Ending."""

import json
from pathlib import Path
from typing import Any

from apps.datasets import blobs
from apps.jobs.actions import Ending, Kept
from apps.jobs.models import Artifact

Role = Artifact.Role

FILES = {
    Role.WEIGHTS: "weights.safetensors",
    Role.CONFIG: "config.json",
    Role.PREDICTIONS: "predictions.parquet",
    Role.METRICS: "metrics.csv",
    Role.CONFUSION: "confusion.json",
    Role.LOG: "log.txt",
}
# Of a run that did not succeed: what explains it. Its weights and predictions are nobody's result.
OF_A_FAILURE = {Role.LOG, Role.METRICS, Role.CONFIG}
RESULT = {
    "metrics",
    "parameters",
    "flops_per_sample",
    "train_seconds",
    "epochs",
    "steps",
    "chosen_epoch",
    "pruning",
}


def keep_files(folder: Path, *, succeeded: bool) -> list[Kept]:
    """Store the files of a run. A missing file is left out."""
    kept = []
    for role, name in FILES.items():
        path = folder / name
        if path.is_file() and (succeeded or role in OF_A_FAILURE):
            with path.open("rb") as stream:
                sha256 = blobs.put_file(stream)
            kept.append(Kept(role, name, sha256, path.stat().st_size))
    return kept


def read_result(folder: Path) -> dict[str, Any]:
    """What the run says about its end; empty when it could not say anything."""
    try:
        found = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def ending_of(folder: Path, code: int | None) -> Ending | None:
    """What a run has come to that exited with this status; None when a signal ended it."""
    if code is None:
        return None
    result = read_result(folder)
    if not result:
        return Ending("failed", "no_result", f"exit status {code}", code)
    status, why = result.get("status"), str(result.get("code") or "")
    detail = str(result.get("message") or "")
    if status == "succeeded" and code == 0:
        said = {key: value for key, value in result.items() if key in RESULT}
        return Ending("succeeded", exit_code=code, result=said)
    if status == "cancelled":
        return Ending("cancelled", "cancelled", exit_code=code)
    return Ending("failed", why or "no_result", detail, code)
