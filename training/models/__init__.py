"""Networks built from a configuration. They take raw pixels and give one logit per class."""

from training.models.build import build
from training.models.measure import measure

__all__ = ["build", "measure"]
