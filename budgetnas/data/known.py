"""The data sets known by name: scikit-learn's digits in two splits, which need no download, CIFAR-10 and CIFAR-100.

CIFAR comes through torchvision, which downloads missing files and checks their MD5.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from budgetnas.arrays import Array
from budgetnas.data.dataset import RawData, Split, Traits, choose, hold_out
from budgetnas.exceptions import DataError, MissingDataError
from budgetnas.system import DataSet
from budgetnas.text import listed, one_line

DIGITS_NOTICE = "digits is a smoke test: 1,797 images of 8x8 pixels. Its ranking does not carry over to CIFAR-10."
HARD_NOTICE = (
    "digits-hard is a smoke test: 1,797 images of 8x8 pixels, 240 of them to learn from. Its ranking does not carry "
    "over to CIFAR-10."
)
KNOWN = ("cifar10", "cifar100", "digits", "digits-hard")
HARD_TRAIN, HARD_VALIDATION = 24, 20  # images per class; the other 130 or so are the test split
_DIGITS = tuple(str(digit) for digit in range(10))


def load_digits() -> RawData:
    """Return scikit-learn's digits at their native 8x8 pixels, with a fifth of each class as the test split."""
    train, test = hold_out(_all_digits(), 0.2)
    return RawData(
        name="digits",
        classes=_DIGITS,
        train=train,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_epochs=3, full_epochs=10, notice=DIGITS_NOTICE),
    )


def load_digits_hard() -> RawData:
    """Return the digits in a split that separates networks: few training images, many test images."""
    train, others = choose(_all_digits(), HARD_TRAIN)
    validation, test = choose(others, HARD_VALIDATION)
    return RawData(
        name="digits-hard",
        classes=_DIGITS,
        train=train,
        validation=validation,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_recipe="proxy16", proxy_epochs=3, full_epochs=12, notice=HARD_NOTICE),
    )


def _all_digits() -> Split:
    """Read the file that scikit-learn ships; importing `sklearn.datasets` would take seconds in every worker."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            table = np.loadtxt(path, delimiter=",", dtype=np.int64)
            return _as_split(table[:, :-1].reshape(-1, 8, 8), table[:, -1])
    from sklearn import datasets  # this version keeps the file in another place

    bunch = datasets.load_digits()
    return _as_split(bunch.images, bunch.target)


def _as_split(images: Array, labels: Array) -> Split:
    return Split(images=(images * 15).astype(np.uint8)[..., None], labels=labels.astype(np.int64))


CIFAR_TRAITS = Traits(shift=4, flip=True)
SHAPES_NOTICE = "is not here and cannot be downloaded: this plan is for images of its shape."
_CONNECT_SECONDS = 5.0
_ABSENT = "is missing"


def load_cifar(name: str, folder: Path) -> RawData:
    """Return CIFAR-10 or CIFAR-100 from `folder`, downloaded there by torchvision unless present.

    The files are pickles; torchvision reads them only after checking their MD5.

    Raises:
        MissingDataError: the files are missing and cannot be downloaded.
        DataError: the files are damaged and cannot be downloaded again.
    """
    kind = cifar_kind(name)
    train, test = (_torchvision_split(kind, name, folder, train=flag) for flag in (True, False))
    return RawData(
        name=name,
        classes=tuple(train.classes),
        train=Split(images=train.data, labels=np.asarray(train.targets, dtype=np.int64)),
        test=Split(images=test.data, labels=np.asarray(test.targets, dtype=np.int64)),
        traits=CIFAR_TRAITS,
    )


def load_shapes(name: str) -> RawData:
    """Return a stand-in for CIFAR-10 or CIFAR-100, to plan with: as many images of the same shape, all identical."""
    classes = {"cifar10": 10, "cifar100": 100}[name]
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)

    def split(images: int) -> Split:
        return Split(images=np.repeat(image, images, axis=0), labels=np.arange(images) % classes)

    return RawData(
        name=name,
        classes=tuple(map(str, range(classes))),
        train=split(50_000),
        test=split(10_000),
        traits=replace(CIFAR_TRAITS, notice=f"{name} {SHAPES_NOTICE}"),
    )


def _find_host(host: str) -> None:
    """Resolve a host name within seconds; `getaddrinfo` has no timeout of its own.

    Raises:
        OSError: the host does not exist, or no name server answers.
    """
    if getproxies():
        return  # the proxy resolves it
    answers: Queue[OSError | None] = Queue()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, 443)
            answers.put(None)
        except OSError as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        error = answers.get(timeout=_CONNECT_SECONDS)
    except Empty:
        error = TimeoutError(f"no answer about {host}")
    if error is not None:
        raise error


def cifar_kind(name: str) -> Any:
    """Return torchvision's class for a data set, which holds its file names and checksums."""
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def is_packed(kind: Any, folder: Path) -> bool:
    """Return whether `folder` has the complete archive of a data set, so that no download is needed."""
    return _fault(folder / kind.filename, kind.tgz_md5) == ""


def is_unpacked(kind: Any, folder: Path) -> bool:
    """Return whether `folder` has all files of a data set, undamaged."""
    return all(_fault(path, md5) == "" for path, md5 in _files(kind, folder))


def damage(kind: Any, folder: Path) -> str:
    """Name the damaged files of a data set in `folder`; "" where none is damaged."""
    inside = folder / kind.base_folder
    faults = {path.name: _fault(path, md5) for path, md5 in _files(kind, folder)}
    archive = _fault(folder / kind.filename, kind.tgz_md5)
    parts = []
    if any(faults.values()) and {*faults.values()} != {_ABSENT}:
        files = listed([f"{name} {fault}" for name, fault in faults.items() if fault])
        parts.append(f"`{inside}` is damaged ({files})")
    if archive and archive != _ABSENT:
        parts.append(f"`{folder / kind.filename}` {archive}")
    return " and ".join(parts)


def _files(kind: Any, folder: Path) -> list[tuple[Path, str]]:
    files = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
    return [(folder / kind.base_folder / file, md5) for file, md5 in files]


def _fault(path: Path, md5: str) -> str:
    from torchvision.datasets.utils import check_integrity

    if not path.is_file():
        return _ABSENT
    try:
        return "" if check_integrity(str(path), md5) else "has another checksum (MD5) than the published file"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _torchvision_split(kind: Any, name: str, folder: Path, *, train: bool) -> Any:
    with contextlib.suppress(RuntimeError, OSError):  # RuntimeError: missing or damaged; OSError: unreadable
        return kind(folder, train=train, download=False)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_SECONDS)
    try:
        if not is_packed(kind, folder):
            _find_host(str(urlsplit(kind.url).hostname))
        return kind(folder, train=train, download=True)
    except (OSError, RuntimeError) as error:
        reason = one_line(error, most=None)
        source = f"{kind.filename} from {kind.url.rsplit('/', 1)[0]}/"
        if damaged := damage(kind, folder):
            raise DataError(
                f"is {name}, but {damaged}, and it cannot be downloaded again ({reason}): delete it, and put {source} "
                f"into `{folder}`.",
                argument="data.dataset",
            ) from error
        raise MissingDataError(
            f"is {name}, which is not in `{folder}` and cannot be downloaded ({reason}): put {source} there, or give "
            "`data.dataset=PATH` of an .npz or an image folder, or `data.dataset=digits`.",
            argument="data.dataset",
        ) from error
    finally:
        socket.setdefaulttimeout(before)


DIGITS = "1,797 images of 8x8 pixels, part of scikit-learn"
_MEGABYTES = {"cifar10": 170, "cifar100": 169}  # of the archives


def find_data(folder: Path) -> tuple[DataSet, ...]:
    """Report for each data set whether it is complete in `folder`, or what its first use would download."""
    digits = (DataSet(name=name, is_here=True, note=DIGITS) for name in ("digits", "digits-hard"))
    return (*digits, *(_cifar(name, folder) for name in _MEGABYTES))


def _cifar(name: str, folder: Path) -> DataSet:
    try:
        kind = cifar_kind(name)
    except Exception as error:  # torchvision and torch of different versions fail in many ways
        reason = one_line(error)
        return DataSet(name=name, is_here=None, note=f"torchvision cannot be imported ({reason})")
    if is_unpacked(kind, folder):
        return DataSet(name=name, is_here=True, note=f"in {folder / kind.base_folder}")
    if is_packed(kind, folder):
        return DataSet(name=name, is_here=True, note=f"in {folder / kind.filename}, which its first use unpacks")
    damaged = damage(kind, folder)
    download = f"its first use downloads {_MEGABYTES[name]} MB from {kind.url} into {folder}"
    return DataSet(name=name, is_here=False, note=f"{damaged}; {download}" if damaged else download)
