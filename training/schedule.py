"""The learning rate as a pure function of the step."""

import math

from training.config import Constant, Cosine, Schedule

FIRST_DIVISOR = 25.0  # one_cycle starts at peak / 25 and ends at peak / 10,000
LAST_DIVISOR = 10_000.0


def learning_rate(schedule: Schedule, peak: float, step: int, steps: int) -> float:
    """The rate of ``step`` (0 to ``steps`` - 1); ``peak`` is the optimizer's ``learning_rate``.

    The warm-up is linear for ``constant`` and ``cosine``, half a cosine for ``one_cycle``.
    """
    rising = round(schedule.warmup * steps)
    along = (step - rising) / max(1, steps - rising)
    if isinstance(schedule, Constant | Cosine):
        if step < rising:
            return peak * (step + 1) / (rising + 1)
        return peak if isinstance(schedule, Constant) else _between(peak, 0.0, along)
    if step < rising:
        return _between(peak / FIRST_DIVISOR, peak, step / rising)
    return _between(peak, peak / LAST_DIVISOR, along)


def _between(start: float, end: float, along: float) -> float:
    """Half a cosine from ``start`` (along = 0) to ``end`` (along = 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * along)) / 2
