"""Study databases: addresses, safe opening, retries, and their errors in one line."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import create_engine, event, exc, inspect
from sqlalchemy.engine import URL, make_url

from budgetnas.exceptions import StorageError
from budgetnas.storage.record import DATABASE
from budgetnas.text import one_line
from budgetnas.trials.trial import epochs_of

optuna.logging.set_verbosity(logging.WARNING)
_KNOWN = (
    exc.SQLAlchemyError,
    sqlite3.Error,
    optuna.exceptions.OptunaError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    ImportError,
    OSError,
)
_PASSING = (sqlite3.OperationalError, exc.OperationalError, OSError)
Storage = BaseStorage
_MISREAD = frozenset("?#%")
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 1.0
_logger = logging.getLogger(__name__)


def open_storage(url: str) -> BaseStorage:
    """Open an Optuna storage, creating its tables where there are none.

    Every new connection waits for a server that has answered before and is gone, as in a restart.

    Raises:
        StorageError: the address is malformed, cannot be reached, or holds another kind of database.
    """
    with translated(public_url(url)):
        parsed, options = _checked(url)
        storage = _make_storage(parsed, **options)
        weakref.finalize(storage, storage.engine.dispose)  # Optuna leaves its connections open
        if not _is_sqlite(parsed):
            event.listen(storage.engine, "do_connect", _Patience())
        return storage


def existing_storage(url: str) -> BaseStorage | None:
    """Open an Optuna storage if there is one at the address; create none.

    Raises:
        StorageError: the address is malformed, cannot be reached, or holds another kind of database.
    """
    with translated(public_url(url)):
        parsed, options = _checked(url)
        engine = create_engine(parsed, **options)
        try:
            is_there = inspect(engine).has_table("studies")
        finally:
            engine.dispose()
    return open_storage(url) if is_there else None


def open_run(folder: Path, storage: str | None = None) -> BaseStorage:
    """Open the storage of a run for reading: the given one, or the database in its folder; no tables are created.

    Raises:
        StorageError: the storage does not exist, or cannot be opened.
    """
    url = run_url(folder, storage)
    opened = existing_storage(url)
    if opened is None:
        raise StorageError(f"`{public_url(url)}` holds no Optuna study: give the folder or the storage of a run.")
    return opened


def _checked(url: str) -> tuple[URL, dict[str, Any]]:
    """Return an address that is safe to open, and the options of its engine."""
    if "://" not in url:
        raise ValueError("it is no database URL such as sqlite:///study.db or postgresql://host/name")
    parsed = _with_driver(make_url(url))
    if not _is_sqlite(parsed):
        return parsed, {"pool_pre_ping": True}
    _check_sqlite(parsed.database)
    return parsed, {"connect_args": {"timeout": 60}}


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _with_driver(url: URL) -> URL:
    """Choose psycopg 3 for an address without a driver if SQLAlchemy's default driver is not installed."""
    if url.drivername == "postgresql" and not find_spec("psycopg2") and find_spec("psycopg"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _make_storage(url: URL, **engine: Any) -> RDBStorage:
    address = url.render_as_string(hide_password=False)
    try:
        return RDBStorage(address, engine_kwargs=engine)
    except exc.DBAPIError as error:
        if not isinstance(error, exc.IntegrityError) and "already exists" not in str(error):
            raise
        time.sleep(RETRY_SECONDS)  # another driver is creating the tables at this moment
        return RDBStorage(address, engine_kwargs=engine)


def study_names(storage: BaseStorage) -> list[str]:
    """Return the names of all studies in a storage."""
    with translated("the storage"):
        return [study.study_name for study in storage.get_all_studies()]


def run_url(folder: Path, storage: str | None = None) -> str:
    """Return the URL of a run's storage: the given one, or the database in its folder.

    Raises:
        StorageError: the database file does not exist.
    """
    url = found_url(folder, storage)
    if url is None and storage is not None:
        raise StorageError(
            f"`{_sqlite_file(storage)}` does not exist: give the storage of a run, or leave `output.storage` out."
        )
    if url is None:
        raise StorageError(f"`{folder / DATABASE}` does not exist: give the folder of a run, such as runs/NAME.")
    return url


def found_url(folder: Path, storage: str | None = None) -> str | None:
    """Return the URL of a run's storage: the given one, or the database in its folder; None where no such file is.

    Raises:
        StorageError: the address is malformed.
    """
    database = folder / DATABASE
    with translated(str(folder) if storage is None else public_url(storage)):
        named = database if storage is None else _sqlite_file(storage)
        if named is not None and not named.is_file():
            return None
    return sqlite_url(database) if storage is None else storage


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database) if _is_sqlite(parsed) and parsed.database else None


def find_study(url: str, run: str) -> str | None:
    """Return the name of the run's study to show first, that of the first rung; None without any study."""
    storage = existing_storage(url)
    names = study_names(storage) if storage else []
    names = [name for name in names if name == run or name.startswith(f"{run}/")]
    rungs = {name: epochs for name in names if (epochs := epochs_of(name.rpartition("/")[2])) is not None}
    return min(rungs, key=rungs.__getitem__, default=names[0] if names else None)


def sqlite_url(path: Path) -> str:
    """Return the Optuna URL of an SQLite file.

    Raises:
        StorageError: the path holds a character that such a URL cannot carry.
    """
    odd = sorted(_MISREAD & set(str(path)))
    if odd:
        raise StorageError(
            f"`{path}` has `{odd[0]}` in it, which a database URL cannot carry: give another `output.dir`."
        )
    return f"sqlite:///{path}"


def public_url(url: str) -> str:
    """Return a database URL without passwords, to print or to write."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        return url
    query = {key: value for key, value in parsed.query.items() if "pass" not in key.lower()}
    if parsed.password is None and len(query) == len(parsed.query):
        return url
    return parsed.set(query=query).render_as_string(hide_password=True)


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the errors of databases into a StorageError of one line with a next step.

    Raises:
        StorageError: in place of any of these errors.
    """
    try:
        yield
    except _KNOWN as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        reason = one_line(cause)
        if isinstance(cause, _PASSING):
            advice = "check that it exists, has free space and answers, then run the same command again"
        elif isinstance(cause, ImportError):
            advice = "install its driver, for PostgreSQL with `pip install 'budgetnas[postgres]'`"
        else:
            advice = "choose another name or storage, or repair it"
        raise StorageError(f"`{where}` is no usable Optuna study ({reason}): {advice}.") from error


class _Patience:
    """Connects to a server, trying for a minute: a connection is safe to repeat, since it has no effect yet.

    After a minute without success, later connections do not wait until the server has answered again.
    """

    def __init__(self) -> None:
        self._warned_at, self._gave_up = -math.inf, False

    def __call__(self, dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError as error:
                self._gave_up = self._gave_up or time.monotonic() >= end
                if self._gave_up:
                    raise
                self._warn(error)
                time.sleep(RETRY_SECONDS)
            else:
                self._gave_up = False
                return connection

    def _warn(self, error: Exception) -> None:
        if time.monotonic() - self._warned_at >= PATIENCE_SECONDS:
            self._warned_at = time.monotonic()
            reason = one_line(error)
            _logger.warning("The database does not answer (%s): trying for %.0f s.", reason, PATIENCE_SECONDS)


def _check_sqlite(database: str | None) -> None:
    """Refuse a file that is no SQLite database, or that of another program, before Optuna writes its tables."""
    path = Path(database or "")
    if not database or not path.exists() or path.stat().st_size == 0:
        return
    # Opened for writing, since SQLite rolls back the half-done write of a killed process. A read-only file is read.
    mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()
    if tables and "studies" not in tables:
        raise ValueError(f"it holds the tables of another program ({', '.join(sorted(tables)[:3])})")
