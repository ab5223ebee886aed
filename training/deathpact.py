"""A process that must not outlive the one that started it."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(
    None, use_errno=True
)  # loaded here: between a fork and an exec is no time for it


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies; ``parent`` may be dead already."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if parent is not None and os.getppid() != parent:
        os._exit(1)
