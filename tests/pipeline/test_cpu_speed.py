"""The warning that some kinds of networks train slowly on a CPU, and that its numbers are those that were measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.pipeline.cpu_speed import MEASURED, slow_networks, slow_on_cpu
from budgetnas.pipeline.declare import declare_training
from budgetnas.pipeline.train_request import read_train_options

TABLE = Path(__file__).parents[2] / "studies" / "results" / "block_speed.txt"
OPTIONS = ("recipe", "precision", "repeats", "epochs", "seed", "workers", "threads", "max_minutes")


def test_the_numbers_are_those_of_the_table():
    spread = r"^{}: .*, time per image \S+ x basic \((\S+) to (\S+)\)$"
    rows = {
        "inverted blocks": "inverted",
        "depthwise convolutions": "bottleneck, depthwise",
        "grouped convolutions": "bottleneck, 4 channels a group",
        "bottlenecks": "bottleneck",
    }
    assert rows.keys() == MEASURED.keys()
    for name, row in rows.items():
        (found,) = re.findall(spread.format(row), TABLE.read_text(), re.MULTILINE)
        assert tuple(map(float, found)) == MEASURED[name]


@pytest.mark.parametrize(
    ("kinds", "widths", "names", "times"),
    [
        ({"basic"}, {None}, None, None),
        ({"basic", "bottleneck"}, {None}, "bottlenecks", "about 2"),
        ({"basic"}, {4}, None, None),
        ({"bottleneck"}, {None, 4}, "grouped convolutions, bottlenecks", "2 to 3"),
        ({"bottleneck"}, {1}, "depthwise convolutions", "2 to 3"),
        ({"inverted"}, set(), "inverted blocks", "3 to 5"),
        ({"basic", "bottleneck", "inverted"}, {None, 1, 4}, ", ".join(MEASURED), "2 to 5"),
    ],
)
def test_what_is_slow_among_the_choices_is_named_with_its_factor(kinds, widths, names, times):
    said = slow_on_cpu(kinds, widths)
    if names is None:
        assert said is None
    else:
        assert said.startswith(f"{names} train slowly on a CPU: {times} times as long per image")
        assert "\n" not in said


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["3x16-3x32"], None),
        (["3x64m16-3x128m32"], "bottlenecks"),
        (["3x64m16g4-3x128m32"], "grouped convolutions, bottlenecks"),
        (["3x64m16g16-3x128m32g32"], "depthwise convolutions"),
        (["1x16t1-2x24t6", "3x64m16g4"], "inverted blocks, grouped convolutions"),
    ],
)
def test_networks_make_their_choices(ids, names):
    said = slow_networks(ResNetSpec.from_id(one) for one in ids)
    assert (None if said is None else said.partition(" train slowly")[0]) == names


@pytest.mark.parametrize("text", ["1x16m4g4", "1x16t6", "1x16"])
def test_a_training_on_a_cpu_notes_it_and_one_on_a_gpu_does_not(tmp_path, text):
    options = dict.fromkeys((*OPTIONS, "dataset", "data_dir", "subset", "image_size", "test_share"))
    read = read_train_options({**options, "device": "cpu", "out": str(tmp_path)}, name="one")
    asked = declare_training(ResNetSpec.from_id(text), read, recipe="full", dataset="digits")
    notes = [note for note in asked.notes if "slowly on a CPU" in note]
    assert len(notes) == (text != "1x16")
    elsewhere = replace(asked, setting=replace(asked.setting, device="cuda"))
    assert not any("slowly on a CPU" in note for note in elsewhere.notes)
