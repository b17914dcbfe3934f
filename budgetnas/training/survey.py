"""What torch finds on this machine, asked without training anything."""

from __future__ import annotations

import warnings

import torch

from budgetnas.records.machine import Device, Torch
from budgetnas.training.device import resolve_precision


def survey() -> Torch:
    """Ask torch for every device."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gpus = [_gpu(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
        if torch.backends.mps.is_available():
            gpus.append(Device(kind="mps", name="Apple GPU", bf16=_has_bf16("mps")))
    notices = dict.fromkeys(" ".join(str(warning.message).split())[:300] for warning in caught)
    return Torch(cpu_bf16=_has_bf16("cpu"), gpus=tuple(gpus), cuda=torch.version.cuda, notices=tuple(notices))


def _gpu(number: int) -> Device:
    name, memory, free = f"GPU {number}", None, None
    try:
        name = f"GPU {number}, {torch.cuda.get_device_name(number)}"
        free, memory = torch.cuda.mem_get_info(number)
        with torch.cuda.device(number):
            return Device(kind="cuda", name=name, bf16=_has_bf16("cuda"), memory=memory, free=free)
    except RuntimeError as error:  # taken by another process alone, or broken
        warnings.warn(f"{name} does not answer: {error}", stacklevel=1)
        return Device(kind="cuda", name=name, bf16=None, memory=memory, free=free)


def _has_bf16(device: str) -> bool:
    return resolve_precision("auto", device) == "bf16"
