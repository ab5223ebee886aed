"""How the learning rate changes over a run."""

from typing import Annotated, Literal

from pydantic import Field

from training.config.strict import Strict


class Constant(Strict):
    """The same learning rate throughout, after the warm-up."""

    kind: Literal["constant"] = "constant"
    """Which schedule this is."""
    warmup: float = Field(0.0, ge=0, le=0.5)
    """Share of all steps in which the rate rises from zero."""


class Cosine(Strict):
    """Falls to zero along half a cosine (Loshchilov and Hutter 2017), after the warm-up."""

    kind: Literal["cosine"] = "cosine"
    """Which schedule this is."""
    warmup: float = Field(0.05, ge=0, le=0.5)
    """Share of all steps in which the rate rises from zero."""


class OneCycle(Strict):
    """One rise and one fall (Smith and Topin 2018): quick training at high rates."""

    kind: Literal["one_cycle"] = "one_cycle"
    """Which schedule this is."""
    warmup: float = Field(0.25, gt=0, le=0.9)
    """Share of all steps in which the rate rises from 1/25 of its peak."""


Schedule = Annotated[Constant | Cosine | OneCycle, Field(discriminator="kind")]
