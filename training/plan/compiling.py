"""Whether compiling a network saves more time than it costs.

Networks as small as these gain little: airbench94, the nearest to them, went from 3.83 to 3.09 s on an
A100 (Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"). On CPUs inductor made them slower,
to 0.35-0.42 of the eager speed: its backward pass of max-pooling scatters (measured with torch 2.13).
"""

from training.plan.cost import Plan

SPEEDUP = 1.24
COMPILE_SECONDS = 60  # forward and backward pass, and once more for the batches of evaluation


def compile_pays(plan: Plan, flops_per_second: float, kind: str) -> bool:
    """Whether to compile a run of ``plan`` on a device of ``kind`` (``cpu``, ``cuda``) that does so many
    operations per second uncompiled."""
    if kind != "cuda":
        return False
    return plan.seconds(flops_per_second) * (1 - 1 / SPEEDUP) > COMPILE_SECONDS
