"""Die with one's parent: the kernel's parent-death signal (Linux, prctl(2))."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """SIGKILL for this process when `parent` dies; at once if it is dead already.

    The signal is not inherited, so each process of the chain asks for itself. It is sent when the
    parent's forking *thread* ends; Celery forks its pool from threads that live as long as it does.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)
