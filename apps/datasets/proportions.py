"""How sure a share is: Wilson's score interval. Pure functions."""

from math import sqrt
from typing import NamedTuple

Z95 = 1.959963984540054


def wilson(right: int, tried: int) -> tuple[float, float]:
    """The 95 % interval of a proportion, both ends in [0, 1]; (0, 1) where nothing was tried.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not tried:
        return 0.0, 1.0
    square = Z95 * Z95
    centre = right + square / 2
    half = Z95 * sqrt(right * (tried - right) / tried + square / 4)
    low, high = (centre - half) / (tried + square), (centre + half) / (tried + square)
    # Rounding must not take the ends past what was seen: none, or all of them.
    return (low if right else 0.0), (high if right < tried else 1.0)


class Share(NamedTuple):
    """`right` of `tried`."""

    right: int
    tried: int

    @property
    def percent(self) -> float:
        return 100 * self.right / self.tried if self.tried else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval in percent."""
        low, high = wilson(self.right, self.tried)
        return 100 * low, 100 * high
