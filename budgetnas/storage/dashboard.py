"""optuna-dashboard on a study database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from budgetnas.exceptions import StorageError
from budgetnas.storage.database import open_storage


def serve(url: str, *, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve optuna-dashboard until interrupted.

    Args:
        url: of an Optuna storage.
        host: address to bind; the dashboard has no password, so keep to 127.0.0.1 unless the network is trusted.
        port: to listen on; 0 takes a free one.
        ready: called with the port once the server listens.

    Raises:
        StorageError: the storage cannot be opened, or the port is taken.
    """
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from optuna_dashboard import wsgi

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: a poll every few seconds is no news."""

    try:
        server = make_server(host, port, wsgi(open_storage(url)), handler_class=Quiet)
    except OSError as error:
        raise StorageError(
            f"`--port {port}` on {host} cannot be used ({os.strerror(error.errno or 0)}): give another --port."
        ) from error
    # In a thread of its own: wsgiref would swallow a Ctrl-C that arrives in the middle of a request.
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with server:
        thread.start()
        try:
            ready(server.server_port)
            thread.join()
        finally:
            server.shutdown()
