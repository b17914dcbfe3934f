"""The device and precision of a training, and the devices that torch finds on this machine."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import torch

from budgetnas.exceptions import UsageError
from budgetnas.system import Accelerator, Torch, cores
from budgetnas.text import one_line

Device = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """The hardware on which trainings run.

    Attributes:
        device: "cpu", "cuda" or "mps".
        name: name of the device, to print.
        precision: the meaning of a recipe's "auto" on this device.
        gpus: number of devices of this kind; 0 for a CPU.
        cores: CPU cores that trainings may use.
    """

    device: Device
    name: str
    precision: Literal["fp32", "bf16"]
    gpus: int
    cores: int

    def slots(self, *, threads: int, gpus_per_trial: float) -> int:
        """Return how many trainings can run at the same time, at least one."""
        return max(1, int(self.gpus / gpus_per_trial + 1e-9) if self.gpus else self.cores // threads)


def resolve_device(wish: str) -> Device:
    """Return "cuda", "mps" or "cpu" for a requested device, which may be "auto".

    Raises:
        UsageError: this machine does not have the device.
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
        raise UsageError(
            f"is {wish}, but this machine has {have}: give one of these, or auto.", argument="engine.device"
        )
    return wish


def resolve_precision(wish: str, device: str) -> Literal["fp32", "bf16"]:
    """Return "fp32" or "bf16"; "auto" means bf16 where the hardware multiplies it natively."""
    if wish != "auto":
        return "bf16" if wish == "bf16" else "fp32"
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if device == "cpu" and native else "fp32"


def is_broken(device: str) -> bool:
    """Return whether a device has become unusable in this process, as CUDA after an illegal memory access."""
    if device != "cuda":
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


def find_hardware(wish: str) -> Hardware:
    """Return the hardware on which this process trains, for a requested device, which may be "auto".

    Raises:
        UsageError: this machine does not have the device.
    """
    device = resolve_device(wish)
    return Hardware(
        device=device,
        name=f"cuda ({torch.cuda.get_device_name()})" if device == "cuda" else device,
        precision=resolve_precision("auto", device),
        gpus=torch.cuda.device_count() if device == "cuda" else int(device == "mps"),
        cores=cores(),
    )


def survey() -> Torch:
    """Return torch's version and every device that it finds."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gpus = [_gpu(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
        if torch.backends.mps.is_available():
            gpus.append(Accelerator(kind="mps", name="Apple GPU", bf16=_has_bf16("mps")))
    notices = dict.fromkeys(one_line(warning.message, most=300) for warning in caught)
    return Torch(cpu_bf16=_has_bf16("cpu"), gpus=tuple(gpus), cuda=torch.version.cuda, notices=tuple(notices))


def _gpu(number: int) -> Accelerator:
    name, memory, free = f"GPU {number}", None, None
    try:
        name = f"GPU {number}, {torch.cuda.get_device_name(number)}"
        free, memory = torch.cuda.mem_get_info(number)
        with torch.cuda.device(number):
            return Accelerator(kind="cuda", name=name, bf16=_has_bf16("cuda"), memory=memory, free=free)
    except RuntimeError as error:  # in exclusive use by another process, or broken
        warnings.warn(f"{name} does not answer: {error}", stacklevel=1)
        return Accelerator(kind="cuda", name=name, bf16=None, memory=memory, free=free)


def _has_bf16(device: str) -> bool:
    return resolve_precision("auto", device) == "bf16"
