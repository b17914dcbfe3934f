"""Which of the data sets known by name are at hand, without loading one or reaching for the network."""

from __future__ import annotations

from pathlib import Path

from budgetnas.records.machine import DataSet

DIGITS = "1,797 images of 8x8 pixels, within scikit-learn"
_MEGABYTES = {"cifar10": 170, "cifar100": 169}  # of the archives


def find_data(folder: Path) -> tuple[DataSet, ...]:
    """Say of each data set whether it is whole in `folder`, or what would be downloaded into it."""
    digits = (DataSet(name=name, is_here=True, told=DIGITS) for name in ("digits", "digits-hard"))
    return (*digits, *(_cifar(name, folder) for name in _MEGABYTES))


def _cifar(name: str, folder: Path) -> DataSet:
    try:
        from torchvision import datasets
        from torchvision.datasets.utils import check_integrity
    except Exception as error:  # torchvision and torch of different versions fail in many ways
        reason = " ".join(str(error).split())[:200]
        return DataSet(name=name, is_here=None, told=f"torchvision cannot be imported ({reason})")
    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    files = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
    inside = folder / kind.base_folder
    if all(check_integrity(str(inside / file), md5) for file, md5 in files):
        return DataSet(name=name, is_here=True, told=f"in {inside}")
    if check_integrity(str(folder / kind.filename), kind.tgz_md5):
        return DataSet(name=name, is_here=True, told=f"in {folder / kind.filename}, which its first use unpacks")
    broken = f"{inside} is not whole; " if inside.is_dir() else ""
    told = f"{broken}its first use downloads {_MEGABYTES[name]} MB from {kind.url} into {folder}"
    return DataSet(name=name, is_here=False, told=told)
