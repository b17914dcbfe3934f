"""Which of the data sets known by name are at hand, without loading one or reaching for the network."""

from __future__ import annotations

from pathlib import Path

from budgetnas.data.cifar import cifar_kind, damage, is_packed, is_unpacked
from budgetnas.records.machine import DataSet

DIGITS = "1,797 images of 8x8 pixels, within scikit-learn"
_MEGABYTES = {"cifar10": 170, "cifar100": 169}  # of the archives


def find_data(folder: Path) -> tuple[DataSet, ...]:
    """Say of each data set whether it is whole in `folder`, or what would be downloaded into it."""
    digits = (DataSet(name=name, is_here=True, told=DIGITS) for name in ("digits", "digits-hard"))
    return (*digits, *(_cifar(name, folder) for name in _MEGABYTES))


def _cifar(name: str, folder: Path) -> DataSet:
    try:
        kind = cifar_kind(name)
    except Exception as error:  # torchvision and torch of different versions fail in many ways
        reason = " ".join(str(error).split())[:200]
        return DataSet(name=name, is_here=None, told=f"torchvision cannot be imported ({reason})")
    if is_unpacked(kind, folder):
        return DataSet(name=name, is_here=True, told=f"in {folder / kind.base_folder}")
    if is_packed(kind, folder):
        return DataSet(name=name, is_here=True, told=f"in {folder / kind.filename}, which its first use unpacks")
    damaged = damage(kind, folder)
    told = f"its first use downloads {_MEGABYTES[name]} MB from {kind.url} into {folder}"
    return DataSet(name=name, is_here=False, told=f"{damaged}; {told}" if damaged else told)
