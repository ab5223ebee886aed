"""What happens between two steps, by the clock: progress, checkpoints, the wish to stop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from training.engine import Run
from training.errors import Cancelled, TrainingError

REPORT_SECONDS = 0.5

Report = Callable[..., None]


def silent(kind: str, **values: Any) -> None:
    """Report to nobody."""


@dataclass
class Pulse:
    """Called after each step and each epoch. None of it changes a weight.

    ``report(kind, **values)`` hears of ``first_step``, ``step`` and ``epoch``; ``save(run)`` makes a
    checkpoint; ``stopped()`` says that the run should end. Raises ``Cancelled`` after a last
    checkpoint and ``TrainingError("non_finite_loss")``.
    """

    report: Report = silent
    save: Callable[[Run], None] = lambda run: None
    stopped: Callable[[], bool] = lambda: False
    save_seconds: float = 30.0
    _started: bool = False
    _saved: float = field(default_factory=time.monotonic)
    _reported: float = field(default_factory=time.monotonic)
    _reported_step: int = 0
    _reported_loss: float = 0.0
    _loss_step: int = 0

    def begin(self, run: Run) -> None:
        """The clock starts; progress is counted from here."""
        self._reported = time.monotonic()
        self._reported_step = self._loss_step = run.step
        self._reported_loss = float(run.totals[0])

    def step(self, run: Run) -> None:
        now = time.monotonic()
        if not self._started:
            self._started = True
            self.report("first_step", step=run.step)
        if self.stopped():
            self._save(run)
            raise Cancelled
        if now - self._reported >= REPORT_SECONDS:
            self._progress(run, now)
        if now - self._saved >= self.save_seconds:
            self._save(run)

    def epoch(self, run: Run) -> None:
        """After the epoch's row joined the history and its totals started again from zero."""
        row = run.history[-1]
        self._reported_loss, self._loss_step = 0.0, run.step
        refuse_non_finite(row["train_loss"], run)
        self.report("epoch", **row)
        if run.step == run.steps or time.monotonic() - self._saved >= min(1.0, self.save_seconds):
            self._save(run)

    def _progress(self, run: Run, now: float) -> None:
        total = float(run.totals[0])  # the one moment at which a GPU is waited for
        images = (run.step - self._reported_step) * run.batch
        loss = (total - self._reported_loss) / ((run.step - self._loss_step) * run.batch)
        refuse_non_finite(loss, run)
        self.report(
            "step",
            step=run.step,
            steps=run.steps,
            epoch=len(run.history) + 1,
            loss=loss,
            learning_rate=run.rate,
            images_per_second=images / (now - self._reported),
        )
        self._reported, self._reported_loss = now, total
        self._reported_step = self._loss_step = run.step

    def _save(self, run: Run) -> None:
        refuse_non_finite(float(run.totals[0]), run)
        self.save(run)
        self._saved = time.monotonic()


def refuse_non_finite(loss: float, run: Run) -> None:
    """Stop where the loss is no number any more: nothing that follows could repair it."""
    if not math.isfinite(loss):
        raise TrainingError(
            "non_finite_loss",
            f"The loss stopped being a number by step {run.step}: lower optimizer.learning_rate, "
            "or lengthen schedule.warmup.",
        )
