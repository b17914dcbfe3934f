"""`budgetnas doctor`: checks whether this machine can run a search, and says what to do."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from budgetnas.cli.options import spell
from budgetnas.config.options import KEYS
from budgetnas.text import write_gb

if TYPE_CHECKING:
    from budgetnas.system import Accelerator, Machine

DESCRIPTION = "Check what this machine has for a search, and print what to do. Exit status 1: no search can run."
EXAMPLE = "budgetnas doctor"
SHOWN = ("python", "budgetnas", "torch", "torchvision", "optuna", "sqlite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", default="runs", metavar="DIR", help="folder of all runs (default runs)")
    parser.add_argument("--data-dir", default="data", metavar="DIR", help="folder of data sets (default data)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts; return 1 where no search can run."""
    import json
    from dataclasses import asdict

    from budgetnas.machine import advise, examine

    machine = examine(Path(arguments.out), Path(arguments.data_dir))
    advice = advise(machine)
    can_search = not any(one.stops for one in advice)
    if arguments.json:
        print(json.dumps({"can_search": can_search, **asdict(machine), "to_do": [asdict(a) for a in advice]}, indent=2))
        return 0 if can_search else 1
    for name, value in _lines(machine):
        print(f"{name:<11} {value}")
    print("A search can run here." if can_search else "No search can run here yet.")
    of_a_search = argparse.Namespace(**dict.fromkeys(KEYS))  # its advice is for the commands of a study
    for one in advice:
        print(f"TO DO: {spell(one.text, of_a_search)}")
    return 0 if can_search else 1


def _lines(machine: Machine) -> Iterator[tuple[str, str]]:
    yield "versions", ", ".join(f"{name} {machine.versions.get(name) or 'is missing'}" for name in SHOWN)
    for extra in machine.extras:
        yield "", f"{extra.name} {extra.version or f'is not here: {extra.install}'} (for {extra.use})"
    for device in machine.devices:
        yield "device", _device(device, machine.cores)
    if machine.driver_cuda or machine.torch_cuda:
        built = (
            f"torch was built for CUDA {machine.torch_cuda}" if machine.torch_cuda else "torch was built without CUDA"
        )
        known = f"knows CUDA {'.'.join(map(str, machine.driver_cuda))}" if machine.driver_cuda else "is not here"
        yield "cuda", f"{built}; an NVIDIA driver {known}"
    for data in machine.data:
        yield "data", f"{data.name}: {data.note}"
    if machine.memory is not None and machine.memory_free is not None:
        yield "memory", f"{write_gb(machine.memory_free)} free of {write_gb(machine.memory)}"
    free = "unknown" if machine.disk_free is None else f"{write_gb(machine.disk_free)} free"
    yield "runs", f"{machine.folder}: {machine.folder_error or 'can be written'}, {free}"


def _device(device: Accelerator, cores: int) -> str:
    bf16 = {True: "native", False: "not native, so fp32", None: "unknown"}[device.bf16]
    line = f"{device.kind}: {device.name}"
    if device.kind == "cpu":
        line += f", {cores} core{'s' * (cores != 1)} to use"
    if device.memory is not None and device.free is not None:
        line += f", {write_gb(device.free)} free of {write_gb(device.memory)}"
    return f"{line}; bf16 {bf16}"
