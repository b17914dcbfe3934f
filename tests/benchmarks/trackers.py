"""A small search of digits that Weights & Biases and MLflow keep, offline: killed, resumed, and read back.

  python tests/benchmarks/trackers.py    needs `pip install '.[wandb,mlflow]'`; takes a minute or two

MLflow's runs are read by its own client. Weights & Biases has no reader of its offline files in Python, so its own
protocol buffers parse them. All traffic would go through a proxy that only counts.
Its output is `studies/results/trackers.txt`; CI does not run it.
"""

from __future__ import annotations

import csv
import http.server
import importlib.metadata
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = (
    "search", "--max-params", "30k", "--trials", "3", "--promote", "1", "--full-epochs", "20", "--no-paper-models",
    "--dataset", "digits", "--subset", "20", "--device", "cpu", "--workers", "1", "--set", "space.widths=[8,32]",
    "--set", "proxy.rungs=[3]", "--name", "small", "--track", "wandb,mlflow",
)  # fmt: skip
METRICS = {"validation/accuracy": "accuracy", "validation/loss": "loss", "train/loss": "train_loss"}
Curves = dict[tuple[str, str], list[tuple[int, float]]]  # points by training and metric


class Asked(http.server.BaseHTTPRequestHandler):
    """Notes what is asked of it, and answers with an error."""

    def _note(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        self.send_error(501)

    do_CONNECT = do_GET = do_POST = do_PUT = do_HEAD = _note  # noqa: N815

    def log_message(self, format: str, *words: object) -> None:
        """Print nothing."""


def serve() -> http.server.ThreadingHTTPServer:
    """Start a server that notes what is asked of it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> int:
    """Run, kill, resume, read, compare; return 1 if something is missing or doubled."""
    for name in ("wandb", "mlflow"):
        print(f"{name} {importlib.metadata.version(name)}")
    proxy, theirs = serve(), serve()
    address = f"http://127.0.0.1:{proxy.server_port}"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "MLFLOW"))}
    env |= {name: address for both in ("http_proxy", "https_proxy") for name in (both, both.upper())}
    env |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "runs" / "small"
        print(f"\n$ budgetnas {' '.join(WORDS)}")
        killed(env, folder, run)
        print(
            f"killed in its fourth training; resumed: {done(env, folder)}; the same command again: {done(env, folder)}"
        )
        right = compared(run, "MLflow", of_mlflow(run)) & compared(run, "Weights & Biases", of_wandb(run))
        print(f"\naddresses that were asked for, by the proxy: {proxy.asked or 'none'}")  # type: ignore[attr-defined]
        before = list(proxy.asked)  # type: ignore[attr-defined]
        own = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{theirs.server_port}", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        own |= {"WANDB_MODE": "online", "WANDB_API_KEY": 40 * "0", "WANDB_INIT_TIMEOUT": "20"}
        print("\nMLFLOW_TRACKING_URI names a server that answers with errors; WANDB_MODE is online, behind that proxy:")
        print(done({**env, **own}, folder))
        seen = {name: sorted(set(asked)) for name, asked in (("server", theirs.asked), ("proxy", proxy.asked))}  # type: ignore[attr-defined]
        for name, asked in seen.items():
            print(f"asked of the {name}: {', '.join(asked) or 'nothing'}")
        return int(not right or bool(before))


def start(env: dict[str, str], folder: str, **how: Any) -> subprocess.Popen[str]:
    """Start the search."""
    words = [sys.executable, "-m", "budgetnas", *WORDS]
    return subprocess.Popen(words, cwd=folder, env=env, text=True, start_new_session=True, **how)


def killed(env: dict[str, str], folder: str, run: Path) -> None:
    """Start the search and kill all its processes once its fourth training, the full one, is tracked."""
    process = start(env, folder, stdout=subprocess.DEVNULL)
    while len(list(run.glob("wandb/offline-run-*"))) < 4:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def done(env: dict[str, str], folder: str) -> str:
    """Run the search to its end; return how it ended and what it warned of."""
    process = start(env, folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    return f"status {process.returncode}, {errors.strip() or 'no warning'}"


def compared(run: Path, name: str, found: Curves) -> bool:
    """Print the trainings of a tracker, and whether its curves are those of `curves.csv`."""
    stored: Curves = defaultdict(list)
    with (run / "curves.csv").open() as file:
        for row in csv.DictReader(file):
            for metric, column in METRICS.items():
                stored[f"{row['level']}/{row['trial']}", metric].append((int(row["epoch"]), float(row[column])))
    rounded = {
        key: [(epoch, float(f"{value:.6g}")) for epoch, value in sorted(points)] for key, points in found.items()
    }
    right = rounded == dict(stored)
    print(f"{name}: {len(found)} curves of {len({key for key, _ in found})} trainings, ", end="")
    print("those of curves.csv, each point once" if right else f"but curves.csv has {dict(stored)}, and it {rounded}")
    return right


def of_mlflow(run: Path) -> Curves:
    """Print and return what MLflow's client reads."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{run}/mlruns/mlflow.db")
    curves: Curves = {}
    print("\nMLflow")
    experiment = client.get_experiment_by_name(run.name)
    for one in sorted(client.search_runs([experiment.experiment_id]), key=lambda one: one.info.run_name):
        said = one.data.params or {name: text for name, text in one.data.tags.items() if name in ("winner", "verdict")}
        print(f"  {one.info.run_name}: {one.info.status}, {shown(said)}")
        if one.info.run_name == "result":
            print(f"    {shown(one.data.metrics)}")
            print(f"    artifacts: {', '.join(file.path for file in client.list_artifacts(one.info.run_id))}")
            continue
        for metric in one.data.metrics:
            points = [(point.step, point.value) for point in client.get_metric_history(one.info.run_id, metric)]
            curves[one.info.run_name.partition("-")[0], metric] = points
    return curves


def of_wandb(run: Path) -> Curves:
    """Print and return what the offline files of Weights & Biases hold."""
    import json

    curves: Curves = defaultdict(list)
    print("\nWeights & Biases")
    found = [(path, list(records(path))) for path in run.glob("wandb/offline-run-*/*.wandb")]
    for path, kept in sorted(found, key=lambda one: name_of(one[1])):
        name, summary, files = name_of(kept), {}, []
        for one in kept:
            kind = one.WhichOneof("record_type")
            if kind == "history":
                row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.history.item}
                for metric in METRICS.keys() & row.keys():
                    curves[name.partition("-")[0], metric].append((row["epoch"], row[metric]))
            elif kind == "summary":
                summary |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.summary.update}
            elif kind == "request" and one.request.WhichOneof("request_type") == "log_artifact":
                files += [entry.path for entry in one.request.log_artifact.artifact.manifest.contents]
            elif kind == "artifact":
                files += [entry.path for entry in one.artifact.manifest.contents]
        config = {item.key: json.loads(item.value_json) for one in kept for item in one.run.config.update}
        config.pop("_wandb", None)
        ended = "finished" if (path.parent / "ended").exists() else "not finished"
        print(f"  {name}: {ended}, {shown(config) or shown({key: summary[key] for key in ('winner', 'verdict')})}")
        if name == "result":
            print(f"    {shown({key: value for key, value in summary.items() if isinstance(value, int | float)})}")
            print(f"    artifact: {', '.join(sorted(files))}")
    return dict(curves)


def name_of(kept: list[Any]) -> str:
    """Return the name of a run from its records."""
    return next(one.run.display_name for one in kept if one.WhichOneof("record_type") == "run")


def records(path: Path) -> Iterator[Any]:
    """Yield the records of an offline file: a log of LevelDB, in blocks of 32 KiB, after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts, size = path.read_bytes(), 7, b"", 32768
    while at + 7 <= len(content):
        if size - at % size < 7:
            at += size - at % size
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def shown(values: Any) -> str:
    """Write names and values in a line."""
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


if __name__ == "__main__":
    sys.exit(main())
