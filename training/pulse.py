"""What happens between two steps, by the clock: progress, checkpoints, the wish to stop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from training.engine import Run
from training.errors import Cancelled, TrainingError

REPORT_SECONDS = 0.5
EVALUATION_SECONDS = 10.0
STEPS_PER_QUESTION = 4  # of several devices: each question costs some of the small CNN's step
NOTHING, SAVE, STOP = 0, 1, 2  # what a process wishes after a step

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
    started: bool = False
    """Whether a step was reported before, of an earlier stage."""
    _saved: float = field(default_factory=time.monotonic)
    _reported: float = field(default_factory=time.monotonic)
    _reported_step: int = 0
    _reported_loss: float = 0.0
    _loss_step: int = 0
    _answer: Callable[[], int] | None = None

    def begin(self, run: Run) -> None:
        """The clock starts; progress is counted from here."""
        self._reported = time.monotonic()
        self._reported_step = self._loss_step = run.step
        self._reported_loss = float(run.totals[0])

    def step(self, run: Run) -> None:
        now = time.monotonic()
        if not self.started:
            self.started = True
            self.report("first_step", step=run.step)
        wish = self._agreed(run, now)
        if wish == STOP:
            self._save(run)
            raise Cancelled
        if now - self._reported >= REPORT_SECONDS:
            self._progress(run, now)
        if wish == SAVE:
            self._save(run)

    def epoch(self, run: Run) -> None:
        """After the epoch's row joined the history and its totals started again from zero."""
        row = run.history[-1]
        self._reported_loss, self._loss_step = 0.0, run.step
        refuse_non_finite(row["train_loss"], run)
        self.report("epoch", **row)
        due = time.monotonic() - self._saved >= min(1.0, self.save_seconds)
        if run.world.ask(SAVE if run.over or due else NOTHING)():
            self._save(run)

    def _agreed(self, run: Run, now: float) -> int:
        """What is to be done after this step. Several devices stop and save in the same one, or they
        would wait for one another forever: they ask after each few steps, and hear a step later."""
        due = now - self._saved >= self.save_seconds
        wish = STOP if self.stopped() else SAVE if due else NOTHING
        if run.world.size == 1:
            return wish
        answer, self._answer = self._answer, None
        if run.step % STEPS_PER_QUESTION == 0:
            self._answer = run.world.ask(wish)
        return answer() if answer is not None else NOTHING

    def evaluating(self) -> None:
        """After each piece of an evaluation, which may take long: a sign of life, and a way out."""
        if self.stopped():
            raise Cancelled
        if time.monotonic() - self._reported >= EVALUATION_SECONDS:
            self._reported = time.monotonic()
            self.report("evaluating")

    def _progress(self, run: Run, now: float) -> None:
        total = float(run.totals[0])  # the one moment at which a GPU is waited for
        samples = (run.step - self._reported_step) * run.batch
        share = (run.step - self._loss_step) * run.batch / run.world.size
        loss = (total - self._reported_loss) / share
        refuse_non_finite(loss, run)
        self.report(
            "step",
            step=run.step,
            steps=run.steps,
            epoch=len(run.history) + 1,
            loss=loss,
            learning_rate=run.rate,
            samples_per_second=samples / (now - self._reported),
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
