"""Reading `arch.json`, which may come from anyone: every type and range is checked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.toml import build
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import dump_json, parse_json
from budgetnas.text import one_line

ARCH = "arch.json"
FORMAT = 1
LARGEST = 50_000_000  # pixels per image; more is an attack or a mistake


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Mean and standard deviation per channel, and the pixels that they apply to, in words."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    of: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arch:
    """The content of `arch.json`, as `CertifiedNetwork.arch` writes it."""

    format: int
    id: str
    spec: ResNetSpec
    shape: DataShape
    classes: tuple[str, ...]
    dataset: str
    notice: str | None
    normalisation: Normalisation
    params: int
    macs: int
    activations: int
    max_params: int | None
    max_macs: int | None

    def __post_init__(self) -> None:
        channels, numbers = self.shape.channels, self.normalisation
        if not len(numbers.mean) == len(numbers.std) == channels:
            raise ValueError(f"its normalisation is not two numbers for each of {channels} channels")
        if not min(numbers.std) > 0:
            raise ValueError("it divides images by a number that is not above 0")
        if len(self.classes) != self.shape.classes:
            raise ValueError(f"it names {len(self.classes)} of {self.shape.classes} classes")
        if self.shape.height * self.shape.width > LARGEST:
            raise ValueError(f"its images have more than {LARGEST:,} pixels")


def read_arch(content: bytes, *, where: Path) -> tuple[dict[str, Any], ResNetSpec, DataShape]:
    """Read `arch.json`.

    Returns:
        Its content, the architecture, and the shape of images and classes.

    Raises:
        StorageError: the file is damaged, or not written by this program.
    """
    arch = parse_json(content, where=where)
    try:
        if arch["format"] != FORMAT:
            raise ValueError(f"it has format {arch['format']}, and this version reads {FORMAT}")
        found = build(Arch, arch, "")
        if json.loads(dump_json(asdict(found))) != arch:  # a default replaced a missing value
            raise ValueError("a number of it is missing")
    except Exception as error:  # content of any type can fail in any way
        reason = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        message = f"`{where}` is no architecture of this program ({reason}): export the network again."
        raise StorageError(message) from error
    return arch, found.spec, found.shape
