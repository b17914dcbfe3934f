"""The data sets known by name: digits, which needs no download, and CIFAR through torchvision."""

from __future__ import annotations

import socket
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from budgetnas.data.dataset import RawData, Split, Traits
from budgetnas.data.split import hold_out
from budgetnas.exceptions import DataError

DIGITS_NOTICE = "digits shows the flow: 1,797 images of 8x8 pixels. Its ranking says nothing about CIFAR-10."
CIFAR_TRAITS = Traits(shift=4, flip=True)
_CONNECT_SECONDS = 5.0


def load_digits() -> RawData:
    """Return scikit-learn's digits at their native 8x8 pixels, a fifth of each class as the test split."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = (bunch.images * 15).astype(np.uint8)[..., None]
    train, test = hold_out(Split(images=images, labels=bunch.target.astype(np.int64)), 0.2)
    return RawData(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        train=train,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_epochs=3, full_epochs=10, notice=DIGITS_NOTICE),
    )


def load_cifar(name: str, folder: Path) -> RawData:
    """Return CIFAR-10 or CIFAR-100 from `folder`, downloaded there by torchvision unless present.

    The files are pickles; torchvision reads them only after checking their MD5.

    Raises:
        DataError: the files are neither there nor to be had.
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
        raise DataError(
            f"`--dataset {name}` is not in `{folder}` and cannot be downloaded ({reason}): put {kind.filename} from "
            f"{kind.url.rsplit('/', 1)[0]}/ there, or give --dataset PATH of an .npz or an image folder, or "
            "--dataset digits."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
