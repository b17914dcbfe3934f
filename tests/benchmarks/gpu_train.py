"""Model 5 trained by the fastest variant that gpu_floor.py found equal, in the time that there is.

    python tests/benchmarks/gpu_train.py --npz FILE [--floor gpu_floor.txt] [--out DIR] [--seconds 280]
    python tests/benchmarks/gpu_train.py --device cpu --tiny     rehearses on digits, two epochs

First `modern200`, then `paper200` if time is left, both in bf16, on all training images, as `budgetnas reproduce` does:
the test set is watched after every epoch and selects nothing. The schedule is as long as fits, at most 200 epochs, so a
cosine is never cut off. DIR gets, per recipe, a curve (.csv), the weights (.safetensors) and a summary (.txt).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from gpu_common import MODEL_5, described, first_line, nets, read_facts

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.engine.protocol import EpochReport
from budgetnas.training.perform import perform
from budgetnas.training.tasks import PausedTraining, Setting, TrainTask
from budgetnas.trials.declaration import whole

RECIPES = ("modern200", "paper200")
LONGEST = 200  # epochs
SHORTEST = 10  # epochs, below which a training says nothing
PROBED = 5  # epochs of a first training that only measures
MARGIN = 0.95  # of the time left that a training is planned to take
SEED = 0
HEAD = "epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """How a training runs: recorded or not, norms fused or not, kernels measured by cuDNN or not."""

    records: bool = True
    fuses: bool = False
    benchmark: bool = False
    images_per_s: float = 0.0
    why: str = "nothing was measured before, so as shipped"

    def __str__(self) -> str:
        facts = f"records={self.records} fuses={self.fuses} cudnn.benchmark={self.benchmark}"
        return f"{facts} ({self.why})"


def best_variant(floor: Path, device: str) -> Variant:
    """Return the fastest that gave equal bits; step by step where recording did not."""
    proven = {_key(fact): fact["passed"] for fact in read_facts(floor, kind="variant", device=device)}
    steps = read_facts(floor, kind="step", net=MODEL_5, is_ours=True, device=device)
    steps = [fact for fact in steps if proven.get(_key(fact))]
    smallest = min((fact["size"] for fact in steps), default=0)
    steps = [fact for fact in steps if fact["size"] == smallest]
    if steps:
        best = max(steps, key=lambda fact: fact["images_per_s"])
        rate, why = best["images_per_s"], f"rung {best['rung']}, equal in E2, {best['images_per_s']:,.0f} images/s"
        return Variant(fuses=best["fuses"], benchmark=best["benchmark"], images_per_s=rate, why=why)
    if proven.get((True, False, False)) is False:
        return Variant(records=False, why="recorded steps differed in E2")
    return Variant()


def _key(fact: dict[str, object]) -> tuple[object, ...]:
    return fact["records"], fact["fuses"], fact["benchmark"]


class Curve:
    """A CSV file with one line per epoch, written at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._file.write(f"{HEAD}\n")

    def __call__(self, report: EpochReport) -> None:
        values = report.epoch, report.lr, report.train_loss, report.train_accuracy, report.loss, report.accuracy
        self._file.write(",".join(f"{value:.6g}" for value in (*values, report.seconds)) + "\n")
        self._file.flush()
        if report.epoch % 20 == 0:
            print(f"  epoch {report.epoch}: accuracy {report.accuracy:.4f}, {report.seconds:.2f} s", flush=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What the trainings of one call share.

    Attributes:
        task: without recipe and schedule of its own.
        variant: how it runs.
        ends: by time.monotonic.
        out: folder.
        data: for a reader.
        tiny: whether it only rehearses.
    """

    task: TrainTask
    variant: Variant
    ends: float
    out: Path
    data: str
    tiny: bool

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    def train(self, name: str) -> None:
        """Train by one recipe, and write what came of it."""
        recipe = replace(load_recipe(name), precision="bf16")
        if self.tiny:  # digits have one channel
            recipe = replace(recipe, mean=None, std=None)
        task = replace(self.task, recipe=recipe)
        if self.tiny:
            epochs, probed = 2, "not measured"
        else:
            each, start = self._probe(task)
            epochs = min(LONGEST, int(MARGIN * (self.left - start) / each))
            probed = f"{each:.3f} s an epoch, {start:.1f} s to start"
        if epochs < SHORTEST and not self.tiny:
            print(f"{name}: not trained, {self.left:.0f} s are left and an epoch takes {each:.2f} s", flush=True)
            return
        print(f"{name}: {epochs} epochs ({probed})", flush=True)
        stem = self.out / f"model5_{name}"
        # A training that would outlast the session stops between two epochs and keeps its state.
        states = self.out / "states"
        states.mkdir(exist_ok=True)
        kept = {"checkpoint": str(states / name), "checkpoint_seconds": 1e9, "stop_at": time.time() + self.left}
        task = replace(task, phases=whole(epochs), keep_weights=True, **kept)
        started = time.monotonic()
        done = perform(task, Curve(stem.with_suffix(".csv")))
        wall = time.monotonic() - started
        lines = [*self._about(name, epochs), f"measured before: {probed}", f"wall time: {wall:.1f} s"]
        if isinstance(done, PausedTraining):
            lines.append(f"CUT OFF after epoch {done.epoch}: no number of it is to be compared; its state is {states}")
        else:
            assert done.weights is not None
            stem.with_suffix(".safetensors").write_bytes(done.weights)
            shutil.rmtree(states)
            lines += [*_results(done.reports), f"images/s, tests included: {done.images / done.seconds:,.0f}"]
            lines += [f"notice: {line}" for line in done.notices]
        text = "\n".join(lines) + "\n"
        stem.with_suffix(".txt").write_text(text)
        print(text, flush=True)

    def _probe(self, task: TrainTask) -> tuple[float, float]:
        """Return seconds of an epoch, and those that the start adds."""
        started = time.monotonic()
        reports: list[EpochReport] = []
        perform(replace(task, phases=whole(LONGEST), epochs=PROBED), reports.append)
        each = reports[-1].seconds
        return each, max(0.0, time.monotonic() - started - PROBED * each)

    def _about(self, name: str, epochs: int) -> list[str]:
        setting = self.task.setting
        return [
            f"# {Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}",
            *described(setting.device),
            f"data: {self.data}, fingerprint {setting.fingerprint[:12]}; seed {self.task.seed}",
            f"network {self.task.spec.id}; recipe {name} in bf16 on a schedule of {epochs} epochs",
            f"variant: {self.variant}",
            "learnt from all training images; the test set was watched after every epoch, and nothing selected by it",
        ]


def _results(reports: Sequence[EpochReport]) -> list[str]:
    last, best = reports[-1], max(reports, key=lambda report: report.accuracy)
    seconds = sorted(report.seconds for report in reports)
    return [
        f"test accuracy of the last epoch: {last.accuracy:.4f}, loss {last.loss:.4f}",
        f"training loss of the last epoch: {last.train_loss:.4f}",
        f"highest test accuracy: {best.accuracy:.4f} in epoch {best.epoch}, as Pei et al. count it",
        f"an epoch: median {seconds[len(seconds) // 2]:.3f} s, from {seconds[0]:.3f} to {seconds[-1]:.3f}",
    ]


def main() -> int:
    """Train; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--npz", default=os.environ.get("BUDGETNAS_CIFAR10_NPZ"), help="default $BUDGETNAS_CIFAR10_NPZ")
    parser.add_argument("--floor", type=Path, default=Path("gpu_floor.txt"), help="what gpu_floor.py wrote")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--seconds", type=float, default=280, help="for all of it")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="digits, a tiny network, two epochs")
    words = parser.parse_args()
    ends = time.monotonic() + words.seconds
    if not (words.tiny or words.npz):
        sys.exit("`--npz` is not given, and BUDGETNAS_CIFAR10_NPZ names no file: give an .npz of CIFAR-10 images.")
    words.out.mkdir(parents=True, exist_ok=True)
    variant = best_variant(words.floor, words.device)
    print(f"variant: {variant}", flush=True)
    torch.backends.cudnn.benchmark = variant.benchmark
    config = DataConfig(dataset="digits") if words.tiny else DataConfig(dataset=words.npz, shift=4, flip=True)
    data = load_dataset(config)
    task = TrainTask(
        setting=Setting(
            data=config, fingerprint=data.fingerprint, device=words.device, threads=torch.get_num_threads()
        ),
        spec=ResNetSpec(blocks=(1,), widths=(8,)) if words.tiny else nets(tiny=False)[0].spec,
        recipe=load_recipe(RECIPES[0]),
        phases=whole(LONGEST),
        seed=SEED,
        keep_weights=False,
        learns_from="all",
        watches="test",
        records=variant.records,
        fuses=variant.fuses,
    )
    session = Session(
        task=task, variant=variant, ends=ends, out=words.out, data=Path(config.dataset).name, tiny=words.tiny
    )
    status = 0
    for name in RECIPES:
        try:
            session.train(name)
        except Exception as error:
            traceback.print_exc()
            print(f"{name} FAILED: {type(error).__name__}: {first_line(error)}", flush=True)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
