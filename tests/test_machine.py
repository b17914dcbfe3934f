from __future__ import annotations

from dataclasses import replace

import pytest

from budgetnas.machine import advise
from budgetnas.system import Accelerator, DataSet, Machine

GB = 10**9
CPU = Accelerator(kind="cpu", name="A processor", bf16=True)
GPU = Accelerator(kind="cuda", name="GPU 0, A card", bf16=True, memory=80 * GB, free=79 * GB)
WELL = Machine(
    versions={"python": "3.11", "torch": "2.9"},
    extras=(),
    torch_error=None,
    cores=2,
    devices=(CPU,),
    torch_cuda="13.0",
    driver_cuda=None,
    has_driver=False,
    notices=(),
    data=(DataSet(name="digits", is_here=True, note="in scikit-learn"),),
    folder="runs",
    folder_error=None,
    disk_free=100 * GB,
    memory=16 * GB,
    memory_free=8 * GB,
)


@pytest.mark.parametrize(
    "machine",
    [
        WELL,
        replace(WELL, torch_cuda=None),
        replace(WELL, devices=(CPU, GPU), driver_cuda=(13, 0), has_driver=True),
        replace(WELL, devices=(CPU, GPU), driver_cuda=(12, 4), torch_cuda="12.8"),  # minor versions go together
        replace(WELL, disk_free=None, memory=None, memory_free=None),
    ],
)
def test_nothing_is_to_be_done_where_all_is_well(machine):
    assert advise(machine) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"versions": {"torch": None, "optuna": None}}, "torch, optuna is not installed: pip install torch optuna"),
        ({"torch_error": "OSError: libtorch"}, "torch cannot be imported (OSError: libtorch): pip install"),
        ({"folder_error": "Read-only file system"}, "`runs` cannot be written (Read-only file system): give another"),
        ({"disk_free": 5 * 10**6}, "0.0 GB are free at `runs`: free some"),
    ],
)
def test_what_stops_a_search_is_said_to_stop_it(changes, said):
    (advice,) = advise(replace(WELL, **changes))
    assert advice.stops
    assert said in advice.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"disk_free": GB}, "1.0 GB are free at `runs`: free some before full trainings"),
        ({"memory_free": GB}, "1.0 GB of memory are free: close other programs, or give `engine.workers=1`"),
        ({"has_driver": True}, "an NVIDIA driver is loaded but out of reach: start the container"),
        (
            {"driver_cuda": (12, 4), "torch_cuda": None},
            "driver for CUDA 12.4 is here, but torch was built without",
        ),
        (
            {"driver_cuda": (12, 4)},
            "built for CUDA 13.0, but the NVIDIA driver knows CUDA 12.4 at most: update",
        ),
        ({"driver_cuda": (13, 0)}, "torch sees no GPU although a driver is here: look at `nvidia-smi`"),
        ({"notices": ("sm_120 is not compatible",)}, "torch warned: sm_120 is not compatible"),
        (
            {"data": (DataSet(name="cifar10", is_here=None, note="torchvision cannot be imported (x)"),)},
            "cifar10 cannot be loaded, since torchvision cannot be imported (x): install the torchvision that goes",
        ),
    ],
)
def test_what_only_slows_a_search_is_said_once_and_stops_nothing(changes, said):
    (advice,) = advise(replace(WELL, **changes))
    assert not advice.stops
    assert said in advice.text


def test_what_stops_comes_first():
    found = advise(replace(WELL, memory_free=0, folder_error="No space", torch_error="x"))
    assert [one.stops for one in found] == [True, True, False]
    assert all("\n" not in one.text for one in found)
