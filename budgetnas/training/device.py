"""Where a training runs, and at which precision."""

from __future__ import annotations

from typing import Literal

import torch

from budgetnas.exceptions import UsageError

Device = Literal["cpu", "cuda", "mps"]


def resolve_device(wish: str) -> Device:
    """Return "cuda", "mps" or "cpu" for a wish that may be "auto".

    Raises:
        UsageError: the device that was asked for is not there.
    """
    present: dict[Device, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wish == "auto":
        return next(device for device, there in present.items() if there)
    if wish not in present or not present[wish]:
        have = ", ".join(device for device, there in present.items() if there)
        raise UsageError(f"`--device` is {wish}, but this machine has {have}: give one of these, or auto.")
    return wish


def resolve_precision(wish: str, device: str) -> Literal["fp32", "bf16"]:
    """Return "fp32" or "bf16"; "auto" means bf16 where the hardware multiplies it natively."""
    if wish != "auto":
        return "bf16" if wish == "bf16" else "fp32"
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if device == "cpu" and native else "fp32"


def count_gpus(device: str) -> int:
    """Return how many devices of the kind there are; 0 for a CPU."""
    if device == "cuda":
        return torch.cuda.device_count()
    return 1 if device == "mps" else 0


def describe(device: str) -> str:
    """Name the hardware for a person."""
    if device == "cuda":
        return f"cuda ({torch.cuda.get_device_name()})"
    return device
