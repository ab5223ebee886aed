"""Refusals that a member can act on; anything else that stops a run is a crash."""

from typing import Literal

Code = Literal[
    "bad_input",
    "class_missing_in_train",
    "empty_split",
    "non_finite_loss",
    "out_of_memory",
    "pack_damaged",
    "too_few_devices",
]


class TrainingError(Exception):
    """A run cannot go on, for a reason with a name. ``message`` ends with the next step."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code: Code = code
        self.message = message


class Cancelled(Exception):
    """Somebody asked the run to stop; what was reached is in the checkpoint."""
