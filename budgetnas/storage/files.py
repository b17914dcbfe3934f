"""Files that are whole or absent, and the lock of a run directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from budgetnas.exceptions import StorageError

HALF = ".half"  # ends the name of a file that is being written


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one: temporary file, fsync, rename.

    Raises:
        StorageError: the file cannot be written; what was there is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=HALF)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"`{path}` cannot be written ({error.strerror}): free some space there or write elsewhere."
        ) from error


def write_text(path: Path, content: str) -> None:
    """Write a text file like `write_bytes`, in UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and programs: two spaces, a line at the end."""
    write_bytes(path, dump_json(content))


def dump_json(content: Any) -> bytes:
    """Return JSON for people and programs."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def parse_json(content: bytes, *, where: Path) -> Any:
    """Read the content of a JSON file.

    Raises:
        StorageError: it is no JSON; `where` it stands is told.
    """
    try:
        found = json.loads(content.decode())
        json.dumps(found, ensure_ascii=False).encode()  # half a character, as `"\\ud800"` says, is no text
        return found
    except (ValueError, RecursionError) as error:
        raise StorageError(f"`{where}` is damaged ({str(error)[:200]}): put it back from a copy.") from error


def read_file(path: Path, *, advice: str = "put it back from a copy") -> bytes:
    """Read a file.

    Raises:
        StorageError: it cannot be read; says the `advice`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device might never end
            raise OSError(errno.EINVAL, "it is no file")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"`{path}` cannot be read ({error.strerror}): {advice}.") from error


def read_bytes(path: Path, sha256: str) -> bytes:
    """Read a file whose hash is known.

    Raises:
        StorageError: it is not there, or its content has changed.
    """
    content = read_file(path)
    found = digest(content)
    if found != sha256:
        raise StorageError(
            f"`{path}` is damaged (its SHA-256 is {found[:12]}, was {sha256[:12]}): put it back from a copy."
        )
    return content


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file below `folder`, by a name that a foreign file gives it.

    Raises:
        StorageError: the name, or a link, leads out of the folder.
    """
    try:
        home, path = folder.resolve(), (folder / name).resolve()
    except (OSError, RuntimeError, TypeError, ValueError):  # a ring of links, no string, a null character
        home = path = Path()
    if home not in path.parents:
        raise StorageError(f"`{folder}` has {name!r} for a file of its own, which lies elsewhere: do not trust it.")
    return folder / name


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def own(folder: Path) -> Iterator[None]:
    """Hold a run directory, made if need be, for this process alone; the system lets go when the process ends.

    What a killed process left half-written there is removed, at the end also empty folders in it, and itself if empty.

    Raises:
        StorageError: it cannot be made or written, or another process holds it.
    """
    lock = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = lock.open("a+")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise StorageError(
                f"`{folder}` is in use by process {owner}: wait for it, or give another `output.name`."
            ) from error
        try:
            file.truncate(0)
            file.write(f"{os.getpid()} on {os.uname().nodename}")
            file.flush()
            for half in folder.rglob(f".*{HALF}"):
                half.unlink()
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            yield
        finally:
            for child in folder.iterdir():
                with contextlib.suppress(OSError):  # no folder, not empty, or a disk that takes no more: it stays
                    child.rmdir()
            if [child.name for child in folder.iterdir()] == [lock.name]:
                lock.unlink()
                folder.rmdir()


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"`{folder}` cannot be written ({error.strerror}): give another folder with `output.dir` or `output.name`."
    )


def holder(folder: Path) -> str | None:
    """Say which process holds a run directory by `own`, None if none does; nothing is written."""
    try:
        with (folder / ".lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go at once, when the file is closed
            except OSError:
                return file.read().strip() or "unknown"
    except OSError:
        pass
    return None
