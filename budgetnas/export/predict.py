"""Images through the network of a certificate: logits, and the classes that they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from budgetnas.arch.spec import DataShape
from budgetnas.data.dataset import Images
from budgetnas.data.picture import Picture
from budgetnas.exceptions import DataError
from budgetnas.export.inputs import Wanted

BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a network sees in one image.

    Attributes:
        image: which.
        classes: the most likely ones, best first: label from 0, name, softmax.
        resized: whether the image had another size.
        done: what else was done to it, as in `Picture`.
    """

    image: Wanted
    classes: tuple[tuple[int, str, float], ...]
    resized: bool
    done: tuple[str, ...]


def predict(
    model: nn.Module, arch: dict[str, Any], wanted: Sequence[Wanted], *, top: int, faults: list[str]
) -> Iterator[Prediction]:
    """Classify images, 256 of them in memory at a time.

    Args:
        model: the network of a certificate.
        arch: content of its `arch.json`.
        wanted: the images.
        top: classes of each, or all where there are fewer.
        faults: grows by a line for each image that cannot be read.

    Yields:
        The predictions, in order, without those images.
    """
    shape = DataShape(**arch["shape"])
    for start in range(0, len(wanted), BATCH):
        read: list[tuple[Wanted, Picture]] = []
        for image in wanted[start : start + BATCH]:
            try:
                read.append((image, image.read(shape)))
            except DataError as error:
                faults.append(str(error))
        if not read:
            continue
        values = logits(model, np.stack([picture.pixels for _, picture in read]), arch)
        shares, labels = values.softmax(dim=1).topk(min(top, shape.classes), dim=1)
        for (image, picture), best, order in zip(read, shares.tolist(), labels.tolist(), strict=True):
            classes = tuple((label, arch["classes"][label], share) for label, share in zip(order, best, strict=True))
            yield Prediction(image=image, classes=classes, resized=picture.resized, done=picture.done)


@torch.no_grad()
def logits(model: nn.Module, images: Images, arch: dict[str, Any]) -> Tensor:
    """Return the logits [N, classes] of raw images [N, H, W, C] uint8, in fp32 on the CPU."""
    parts = [images[start : start + BATCH].transpose(0, 3, 1, 2) for start in range(0, len(images), BATCH)]
    return torch.cat([model(normalised(part, arch)) for part in parts])


def normalised(images: Images, arch: dict[str, Any]) -> Tensor:
    """Return raw images [N, C, H, W] uint8 as the network takes them: float32, normalised per channel."""
    mean, std = (torch.tensor(arch["normalisation"][key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) - mean) / std
