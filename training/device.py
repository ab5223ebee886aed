"""What this machine can do, and what of it must be recorded to reproduce a result."""

import contextlib
import ctypes
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError

# Without one of these, bf16 arithmetic on a CPU is emulated and slower than float32.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
CUDA_FLOPS = 3e13  # operations per second that a GPU at least does in training; a guess for plans


def pick_device(wanted: str, precision: str = "auto") -> torch.device:
    """``auto`` takes the GPU where there is one; of several processes each its own.

    Call it in the run's own process only. Raises ``TrainingError("too_few_devices")``.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda":
        number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= there:
            raise TrainingError(
                "too_few_devices",
                f"This job wants more GPUs than the {there} of this worker: lower devices.",
            )
        # TF32 keeps float32's range; cuDNN may try its algorithms because shapes never change.
        exact = precision == "float32"
        torch.set_float32_matmul_precision("highest" if exact else "high")
        torch.backends.cudnn.allow_tf32 = not exact
        torch.backends.cudnn.benchmark = True
        return torch.device("cuda", number)
    return torch.device(wanted)


def keep_freed_memory() -> None:
    """Have the C library keep what is freed for the next step, in this process from now on.

    By default glibc gives large blocks back to the kernel, which clears them page by page when the next
    step asks again: a third of a small CNN's step on a CPU. Elsewhere than on glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_THRESHOLD, 2**30)


def keep_to_own_cores(number: int, processes: int, threads: int) -> None:
    """Give process ``number`` of ``processes`` its ``threads`` cores, where together they have all that
    there are: moved about, each would lose its caches. Where cores are left, the system does better."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == processes * threads:
        os.sched_setaffinity(0, cores[number * threads : (number + 1) * threads])


@cache
def has_bf16(device: torch.device) -> bool:
    """Whether bf16 arithmetic is in the hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(BF16_FLAGS & cpu_flags())


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """bf16 where the hardware has it. The weights stay float32, so no loss scaling is needed."""
    enabled = precision == "auto" and has_bf16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@cache
def cpu_flags() -> frozenset[str]:
    """The first processor's features, as the kernel names them."""
    for line in _cpuinfo():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def describe(device: torch.device) -> dict[str, Any]:
    """Everything about machine and libraries that a result may depend on."""
    return {
        "device": device.type,
        "device_name": _name(device),
        "bf16": has_bf16(device),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
