"""What a configuration costs, by arithmetic alone: no torch, so that a web process may ask.

Parameters are exact, operations as ``torch.utils.flop_counter`` counts them, memory an estimate; the
tests compare all three with torch itself.
"""

from training.plan.compiling import compile_pays
from training.plan.cost import Plan, layers_of, plan, steps_per_epoch
from training.plan.layers import Layer

__all__ = ["Layer", "Plan", "compile_pays", "layers_of", "plan", "steps_per_epoch"]
