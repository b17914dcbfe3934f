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

HALF = ".half"  # suffix of a file that is being written


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one: temporary file, fsync, rename.

    Raises:
        StorageError: the file cannot be written; the old one is untouched.
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
    """Write JSON, indented by two spaces, with a final line feed."""
    write_bytes(path, dump_json(content))


def dump_json(content: Any) -> bytes:
    """Return the bytes that `write_json` writes."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def parse_json(content: bytes, *, where: Path) -> Any:
    """Read the content of a JSON file.

    Raises:
        StorageError: it is not JSON; the message names `where`.
    """
    try:
        value = json.loads(content.decode())
        json.dumps(value, ensure_ascii=False).encode()  # half a character, such as `"\\ud800"`, is no text
        return value
    except (ValueError, RecursionError) as error:
        raise StorageError(f"`{where}` is damaged ({str(error)[:200]}): restore it from a copy.") from error


def read_file(path: Path, *, advice: str = "restore it from a copy") -> bytes:
    """Read a file.

    Raises:
        StorageError: the file cannot be read; the message ends with `advice`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device might never end
            raise OSError(errno.EINVAL, "it is no file")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"`{path}` cannot be read ({error.strerror}): {advice}.") from error


def read_bytes(path: Path, sha256: str) -> bytes:
    """Read a file and check its hash.

    Raises:
        StorageError: the file is missing, or has another hash.
    """
    content = read_file(path)
    actual = digest(content)
    if actual != sha256:
        raise StorageError(
            f"`{path}` is damaged (its SHA-256 is {actual[:12]}, was {sha256[:12]}): restore it from a copy."
        )
    return content


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file below `folder`, by a name that comes from a foreign file.

    Raises:
        StorageError: the name, or a link, leads out of the folder.
    """
    try:
        home, path = folder.resolve(), (folder / name).resolve()
    except (OSError, RuntimeError, TypeError, ValueError):  # a ring of links, no string, a null character
        home = path = Path()
    if home not in path.parents:
        raise StorageError(
            f"`{folder}` refers to {name!r}, which lies outside it, so it is not read: do not trust the folder."
        )
    return folder / name


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def own(folder: Path) -> Iterator[None]:
    """Lock a run directory, created if missing, for this process; the system unlocks it when the process ends.

    At the start, files that a killed process left half-written are removed. At the end, empty folders in the directory
    are removed, and the directory itself if it is empty.

    Raises:
        StorageError: the directory cannot be created or written, or another process holds it.
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
                with contextlib.suppress(OSError):  # it is no folder or is not empty, or the disk is full: it stays
                    child.rmdir()
            if [child.name for child in folder.iterdir()] == [lock.name]:
                lock.unlink()
                folder.rmdir()


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"`{folder}` cannot be written ({error.strerror}): give another folder with `output.dir` or `output.name`."
    )


def holder(folder: Path) -> str | None:
    """Return the process that holds a run directory by `own`, None if none does; nothing is written."""
    try:
        with (folder / ".lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released at once, when the file is closed
            except OSError:
                return file.read().strip() or "unknown"
    except OSError:
        pass
    return None
