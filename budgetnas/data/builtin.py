"""The data sets known by name: digits in two splits, which need no download, and CIFAR through torchvision."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from budgetnas.data.dataset import RawData, Split, Traits
from budgetnas.data.split import choose, hold_out
from budgetnas.exceptions import MissingDataError

DIGITS_NOTICE = "digits shows the flow: 1,797 images of 8x8 pixels. Its ranking says nothing about CIFAR-10."
HARD_NOTICE = (
    "digits-hard is a smoke test: 1,797 images of 8x8 pixels, 240 of them to learn from. Its ranking does not carry "
    "over to CIFAR-10."
)
SHAPES_NOTICE = "is not here and cannot be downloaded: this plan is for images of its shape."
KNOWN = ("cifar10", "cifar100", "digits", "digits-hard")
HARD_TRAIN, HARD_VALIDATION = 24, 20  # images of each class; the others, some 130, are the test split
CIFAR_TRAITS = Traits(shift=4, flip=True)
_CONNECT_SECONDS = 5.0
_DIGITS = tuple(str(digit) for digit in range(10))


def load_digits() -> RawData:
    """Return scikit-learn's digits at their native 8x8 pixels, a fifth of each class as the test split."""
    train, test = hold_out(_all_digits(), 0.2)
    return RawData(
        name="digits",
        classes=_DIGITS,
        train=train,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_epochs=3, full_epochs=10, notice=DIGITS_NOTICE),
    )


def load_digits_hard() -> RawData:
    """Return the images of digits in a split that tells networks apart: few to learn from, most of them to test."""
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
    from sklearn import datasets

    bunch = datasets.load_digits()
    return Split(images=(bunch.images * 15).astype(np.uint8)[..., None], labels=bunch.target.astype(np.int64))


def load_cifar(name: str, folder: Path) -> RawData:
    """Return CIFAR-10 or CIFAR-100 from `folder`, downloaded there by torchvision unless present.

    The files are pickles; torchvision reads them only after checking their MD5.

    Raises:
        MissingDataError: the files are neither there nor to be had.
    """
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    train, test = (_torchvision_split(kind, name, folder, train=flag) for flag in (True, False))
    return RawData(
        name=name,
        classes=tuple(train.classes),
        train=Split(images=train.data, labels=np.asarray(train.targets, dtype=np.int64)),
        test=Split(images=test.data, labels=np.asarray(test.targets, dtype=np.int64)),
        traits=CIFAR_TRAITS,
    )


def load_shapes(name: str) -> RawData:
    """Return a stand-in for CIFAR-10 or CIFAR-100, for a plan only: as many images of its shape, all of them alike."""
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
    """Look a host up within seconds: a name server that does not answer has no time-out of its own here.

    Raises:
        OSError: there is no such host, or no answer.
    """
    if getproxies():
        return  # the proxy does it
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


def _torchvision_split(kind: Any, name: str, folder: Path, *, train: bool) -> Any:
    try:
        return kind(folder, train=train, download=False)
    except RuntimeError:  # torchvision's word for: not there, or damaged
        pass
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_SECONDS)
    try:
        _find_host(str(urlsplit(kind.url).hostname))
        return kind(folder, train=train, download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise MissingDataError(
            f"`--dataset {name}` is not in `{folder}` and cannot be downloaded ({reason}): put {kind.filename} from "
            f"{kind.url.rsplit('/', 1)[0]}/ there, or give --dataset PATH of an .npz or an image folder, or "
            "--dataset digits."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
