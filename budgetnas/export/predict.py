"""Images of any size through the network of a certificate: logits, and the classes that they name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from budgetnas.exceptions import DataError
from budgetnas.export.arch import LARGEST

BATCH = 256
_MODES = {1: "L", 3: "RGB"}


def read_image(path: Path, arch: dict[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], bool]:
    """Read an image file as the network sees images: uint8 [H, W, C], and whether it was resized.

    Raises:
        DataError: it is no readable image.
    """
    shape = arch["shape"]
    size, mode = (shape["width"], shape["height"]), _MODES.get(shape["channels"])
    if mode is None:
        raise DataError(f"`{path}` has no {shape['channels']} channels: only grey and colour networks see image files.")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > LARGEST:
                raise DataError(f"`{path}` has {image.width}x{image.height} pixels: give a smaller image.")
            converted = image.convert(mode)
    except DataError:
        raise
    except Exception as error:  # a damaged file can make its decoder raise anything
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"`{path}` is no readable image ({reason}): give a PNG or JPEG.") from error
    resized = converted.size != size
    if resized:
        converted = converted.resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(converted, dtype=np.uint8)
    return (pixels[:, :, None] if pixels.ndim == 2 else pixels), resized


@torch.no_grad()
def logits(model: nn.Module, images: np.ndarray[Any, np.dtype[np.uint8]], arch: dict[str, Any]) -> Tensor:
    """Return the logits [N, classes] of raw images [N, H, W, C] uint8, in fp32 on the CPU."""
    parts = [images[start : start + BATCH].transpose(0, 3, 1, 2) for start in range(0, len(images), BATCH)]
    return torch.cat([model(normalised(part, arch)) for part in parts])


def normalised(images: np.ndarray[Any, np.dtype[np.uint8]], arch: dict[str, Any]) -> Tensor:
    """Return raw images [N, C, H, W] uint8 as the network takes them: float32, normalised per channel."""
    mean, std = (torch.tensor(arch["normalisation"][key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) - mean) / std


def top_classes(values: Tensor, classes: Sequence[str], number: int) -> list[tuple[str, float]]:
    """Return the most likely classes of one image's logits [classes], with the softmax of each."""
    shares, order = values.softmax(dim=0).topk(min(number, len(classes)))
    return [(classes[int(i)], float(share)) for share, i in zip(shares, order, strict=True)]
