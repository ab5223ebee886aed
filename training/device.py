"""What this machine can do, and what of it must be recorded to reproduce a result."""

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch

# Without one of these, bf16 arithmetic on a CPU is emulated and slower than float32.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def pick_device(wanted: str) -> torch.device:
    """``auto`` takes the GPU where there is one. Call it in the run's own process only."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda":
        # TF32 keeps float32's range; cuDNN may try its algorithms because shapes never change.
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return torch.device(wanted)


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 arithmetic is in the hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(BF16_FLAGS & cpu_flags())


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
