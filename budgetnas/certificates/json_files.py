"""The JSON files of a certificate, which may come from anyone: every hash, type and range is checked.

`MANIFEST.json` has the hash of every file and its own digest; `arch.json` has the architecture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from budgetnas.arch.device import Precision
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.spec import LAYERS, DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.config.toml import build
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import digest, dump_json, inside, parse_json, read_bytes, read_file
from budgetnas.text import one_line

MANIFEST = "MANIFEST.json"
BEST = "best"  # the winner's certificate inside the folder of its run
MANIFEST_FORMAT = 1


def make_manifest(name: str, files: Mapping[str, bytes], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of the given files, by name and content."""
    rest = {
        "format": MANIFEST_FORMAT,
        "name": name,
        **provenance,
        "files": {file: {"sha256": digest(content), "bytes": len(content)} for file, content in files.items()},
    }
    return {**rest, "digest": own_digest(rest)}


def own_digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest without its digest, as UTF-8 JSON with sorted keys and no spaces."""
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return digest(text.encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a certificate and check its digest.

    Raises:
        StorageError: the manifest is missing or damaged.
    """
    path = folder / MANIFEST
    content = read_file(path, advice="give the folder of a certificate, such as runs/NAME/best")
    manifest = parse_json(content, where=path)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not all(_is_entry(name, entry) for name, entry in files.items()):
        raise StorageError(f"`{path}` is no manifest of a certificate: export the network again.")
    if manifest.get("digest") != _digest_of_any(manifest):
        raise StorageError(f"`{path}` is damaged (its digest does not match its content): restore it from a copy.")
    return dict(manifest)


def read_member(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    """Read a file of a certificate and check it against the manifest.

    Raises:
        StorageError: the file is not listed, missing, or damaged.
    """
    if name not in manifest["files"]:
        raise StorageError(f"`{folder / MANIFEST}` lists no {name}: export the network again.")
    return read_bytes(inside(folder, name), manifest["files"][name]["sha256"])


def _digest_of_any(manifest: Mapping[str, Any]) -> str | None:
    """Return the digest of a foreign manifest; None where it cannot have one, as with a NaN."""
    try:
        return own_digest(manifest)
    except (ValueError, RecursionError):
        return None


def _is_entry(name: str, entry: Any) -> bool:
    """Return whether an entry has the name of a file in the folder itself, and a hash."""
    is_plain = name.isprintable() and not set(name) & set("/\\") and name not in ("", ".", "..")
    return is_plain and isinstance(entry, dict) and isinstance(entry.get("sha256"), str)


ARCH = "arch.json"
ARCH_FORMAT = 1
_SIZE_CAPS = ("max_bytes", "max_memory", "weights")
LARGEST = 50_000_000  # pixels per image; more is an attack or a mistake


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalisation:
    """Mean and standard deviation per channel, and the pixels that they apply to, in words."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    of: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arch:
    """The content of `arch.json`, as `CertifiedNetwork.arch` writes it, the layers of blocks of an own kind aside."""

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
    max_bytes: int | None = None
    max_memory: int | None = None
    weights: Precision | None = None

    def __post_init__(self) -> None:
        channels, numbers = self.shape.channels, self.normalisation
        if not len(numbers.mean) == len(numbers.std) == channels:
            raise ValueError(f"its normalisation is not two numbers for each of {channels} channels")
        if not min(numbers.std) > 0:
            raise ValueError("it divides images by a number that is not above 0")
        if (self.weights is None) != (self.max_bytes is self.max_memory is None):
            raise ValueError("it names a precision without a cap on a size, or such a cap without one")
        if len(self.classes) != self.shape.classes:
            raise ValueError(f"it names {len(self.classes)} of {self.shape.classes} classes")
        if self.shape.height * self.shape.width > LARGEST:
            raise ValueError(f"its images have more than {LARGEST:,} pixels")


def size_caps(budget: Budget) -> dict[str, Any]:
    """Return the keys of `arch.json` for caps on sizes, which it has only where there are such caps."""
    if budget.max_bytes is budget.max_memory is None:
        return {}
    return {name: getattr(budget, name) for name in _SIZE_CAPS}


def read_arch(content: bytes, *, where: Path) -> tuple[dict[str, Any], ResNetSpec, DataShape]:
    """Read `arch.json`.

    Returns:
        Its content, the architecture, and the shape of images and classes.

    Raises:
        StorageError: the file is damaged, or not written by this program.
    """
    arch = parse_json(content, where=where)
    try:
        if arch["format"] != ARCH_FORMAT:
            raise ValueError(f"it has format {arch['format']}, and this version reads {ARCH_FORMAT}")
        rest = {key: value for key, value in arch["spec"].items() if key != LAYERS}
        found, spec = build(Arch, {**arch, "spec": rest}, ""), ResNetSpec.from_json(arch["spec"])
        if spec.kind not in KINDS and LAYERS not in arch["spec"]:
            raise ValueError(f"the layers of its {spec.kind} blocks are missing")
        complete = asdict(found) | {"spec": spec.to_json()}
        if found.weights is None:
            complete = {key: value for key, value in complete.items() if key not in _SIZE_CAPS}
        if json.loads(dump_json(complete)) != arch:  # a default replaced a missing value, or is written out
            raise ValueError("a value of it is missing, or is a default that is left out")
    except Exception as error:  # content of any type can fail in any way
        reason = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        message = f"`{where}` is no architecture of this program ({reason}): export the network again."
        raise StorageError(message) from error
    return arch, spec, found.shape
