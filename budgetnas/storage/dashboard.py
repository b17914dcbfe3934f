"""optuna-dashboard: publishing a study's note, figures and files, and serving them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import BaseStorage

from budgetnas.exceptions import StorageError
from budgetnas.storage.database import open_storage, translated
from budgetnas.storage.files import inside

ARTIFACTS = "artifacts"


def publish_note(storage: BaseStorage, name: str, text: str) -> None:
    """Write the note of a study, in Markdown, in place of the old one.

    Raises:
        StorageError: the storage cannot be written.
    """
    from optuna_dashboard import save_note

    with translated(name):
        study = optuna.load_study(study_name=name, storage=storage)
        save_note(study, text)


def publish_figures(storage: BaseStorage, name: str, figures: Mapping[str, Any]) -> None:
    """Save plotly figures with a study, by id; the dashboard sends all of them again at every poll.

    Raises:
        StorageError: the storage cannot be written.
    """
    from optuna_dashboard import save_plotly_graph_object

    with translated(name):
        study = optuna.load_study(study_name=name, storage=storage)
        for key, figure in figures.items():
            save_plotly_graph_object(study, figure, graph_object_id=key)


def publish_files(storage: BaseStorage, name: str, folder: Path, files: Iterable[Path]) -> None:
    """Publish files as artifacts of a study; a file replaces an older one of its name.

    Args:
        storage: of the study.
        name: of the study.
        folder: of the run, whose subfolder `artifacts` gets the copies.
        files: paths of the files.

    Raises:
        StorageError: the storage or the folder cannot be written, or a file cannot be read.
    """
    with translated(name):
        study = optuna.load_study(study_name=name, storage=storage)
        (folder / ARTIFACTS).mkdir(exist_ok=True)
        store = FileSystemArtifactStore(folder / ARTIFACTS)
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:
                with path.open("rb") as file:
                    store.write(inside(folder / ARTIFACTS, known[path.name]).name, file)
            else:
                upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=study)


def serve(
    url: str,
    *,
    host: str,
    port: int,
    ready: Callable[[str], None],
    study: str | None = None,
    folder: Path | None = None,
) -> None:
    """Serve optuna-dashboard until interrupted.

    Args:
        url: address of an Optuna storage.
        host: address to bind. The dashboard has no password: keep it on 127.0.0.1 unless the network is trusted.
        port: port to listen on; 0 takes a free one.
        ready: called with the address of the page once the server listens.
        study: name of the study that the page shows; the list of all studies unless given.
        folder: of the run whose artifacts are shown.

    Raises:
        StorageError: the storage cannot be opened, holds no such study, or the port is taken.
    """
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from optuna_dashboard import wsgi

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the page polls every few seconds."""

    storage = open_storage(url)
    page = "/dashboard"
    if study is not None:
        with translated(study):
            page = f"/dashboard/studies/{storage.get_study_id_from_name(study)}"
    store = FileSystemArtifactStore(folder / ARTIFACTS) if folder else None
    try:
        server = make_server(host, port, wsgi(storage, artifact_store=store), handler_class=Quiet)
    except (OSError, UnicodeError) as error:  # no host has a name that long
        reason = os.strerror(getattr(error, "errno", None) or errno.EINVAL)
        raise StorageError(
            f"is {port}, but cannot be used on {host} ({reason}): give another.", argument="port"
        ) from error
    # In a thread of its own: wsgiref would swallow a Ctrl-C that arrives in the middle of a request.
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with server:
        thread.start()
        try:
            ready(f"http://{host}:{server.server_port}{page}")
            thread.join()
        finally:
            server.shutdown()
