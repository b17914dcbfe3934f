"""`budgetnas dashboard`: serves a run with optuna-dashboard."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from pathlib import Path

DESCRIPTION = "Serve a run's study with optuna-dashboard. It has no password: keep it on 127.0.0.1."
LAST_PORT = 65_535
LOOPBACK = "127.0.0.1"
OPEN = (
    "WARNING: {host} is open to other machines: anyone who reaches it can read and delete the study without a password."
)
EXAMPLE = "budgetnas dashboard runs/digits-hard-5M-s0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, or an Optuna storage URL")
    parser.add_argument("--storage", metavar="URL", help="Optuna storage of the run (default: study.db in its folder)")
    parser.add_argument(
        "--host", default=LOOPBACK, help=f"address to bind (default {LOOPBACK}); others reach it without a password"
    )
    parser.add_argument("--port", type=_port, default=8080, metavar="N", help="port; 0 takes a free one (default 8080)")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:6]) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {LAST_PORT}")
    return int(text)


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's loopback; of host names only `localhost` counts."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    from budgetnas.storage.dashboard import serve
    from budgetnas.storage.database import find_study, run_url

    def ready(address: str) -> None:
        if not is_loopback(arguments.host):
            print(OPEN.format(host=arguments.host or "every address"), file=sys.stderr)
        print(f"{address}  (Ctrl-C stops it)", flush=True)

    if "://" in arguments.run:
        serve(arguments.run, host=arguments.host, port=arguments.port, ready=ready)
        return
    folder = Path(arguments.run)
    url = run_url(folder, arguments.storage)
    study = find_study(url, folder.resolve().name)
    serve(url, host=arguments.host, port=arguments.port, ready=ready, study=study, folder=folder)
