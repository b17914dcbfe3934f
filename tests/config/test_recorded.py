from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from budgetnas.config import recorded as before
from budgetnas.config.recorded import is_recorded, over, read_study_table
from budgetnas.config.study import load_study, named_keys

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"


def test_the_study_of_a_run_is_told_from_a_persons_by_its_first_line(tmp_path):
    assert is_recorded(MADE / "stopped" / "study.toml")
    path = tmp_path / "study.toml"
    assert not is_recorded(path)
    path.write_bytes(b"\xff\xfe# no text\n")
    assert not is_recorded(path)
    path.write_text("[output]\nname = 's'\n")
    assert not is_recorded(path)
    assert not is_recorded(tmp_path)
    assert not is_recorded(tmp_path / ("x" * 500))


def test_what_a_run_recorded_has_the_values_of_then_and_a_persons_file_the_defaults(monkeypatch, tmp_path):
    monkeypatch.setattr(before, "BEFORE", {"space.monotone": False})
    text = (MADE / "stopped" / "study.toml").read_text().replace("monotone = true\n", "")
    path = tmp_path / "study.toml"
    path.write_text(text)
    assert not load_study(str(path), {}).space.monotone
    assert load_study(str(path), {"space.monotone": True}).space.monotone
    path.write_text(text.partition("\n")[2])
    assert load_study(str(path), {}).space.monotone


def test_the_study_of_a_run_means_the_folder_that_it_lies_in(tmp_path, monkeypatch):
    for name in ("stopped", "renamed"):
        shutil.copytree(MADE / "stopped", tmp_path / "moved" / name)
    monkeypatch.chdir(tmp_path)
    assert read_study_table(Path("moved/stopped/study.toml"))["output"] == {"dir": "moved", "name": "stopped"}
    assert read_study_table(Path("moved/renamed/study.toml"))["output"] == {"dir": "runs", "name": "stopped"}
    monkeypatch.chdir(tmp_path / "moved" / "stopped")
    assert read_study_table(Path("study.toml"))["output"]["dir"] == str(tmp_path / "moved")


def test_keys_lie_over_keys_section_by_section():
    base = {"a": {"x": 1, "y": 2}, "b": {"z": 3}, "c": 4}
    assert over(base, {"a": {"y": 5}, "b": 6, "d": {}}) == {"a": {"x": 1, "y": 5}, "b": 6, "c": 4, "d": {}}
    assert base["a"]["y"] == 2


@pytest.mark.parametrize(
    ("overrides", "settings", "trials"), [({}, [], None), ({"search.trials": 3}, [], 3), ({}, ["search.trials=4"], 4)]
)
def test_a_key_of_the_file_can_be_passed_over(tmp_path, overrides, settings, trials):
    path = tmp_path / "mine.toml"
    path.write_text("[search]\ntrials = 7\nseed = 2\n")
    search = named_keys(str(path), overrides, settings, besides=["search.trials"])["search"]
    assert (search.get("trials"), search["seed"]) == (trials, 2)
