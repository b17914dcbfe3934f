"""`MANIFEST.json`: the hash of every file of a certificate, and its own digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.exceptions import StorageError
from budgetnas.storage.files import digest, inside, parse_json, read_bytes, read_file

MANIFEST = "MANIFEST.json"
BEST = "best"  # the winner's certificate inside the folder of its run
FORMAT = 1


def make_manifest(name: str, files: Mapping[str, bytes], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of the given files, by name and content."""
    rest = {
        "format": FORMAT,
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
