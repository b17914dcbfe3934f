"""The run that a command means: by its name, or by the names that this and older versions make of its words."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import StorageError
from budgetnas.pipeline import request as addressed
from budgetnas.pipeline.request import find_recorded, read_calibration_request, read_study_request

STOPPED = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "stopped"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("budgetnas.training.device.torch.cuda.is_available", lambda: False)

    def make(*names):
        for name in names:
            (tmp_path / "runs" / name).mkdir(parents=True)
            shutil.copy(STOPPED / "study.toml", tmp_path / "runs" / name)

    return make


def find(*, suffix="", **named):
    table = {}
    for key, value in named.items():
        section, _, name = key.partition("__")
        table.setdefault(section, {})[name] = value
    return find_recorded(table, suffix=suffix)


def test_a_name_is_enough_and_the_run_is_where_the_command_says(runs, tmp_path):
    runs("mine")
    shutil.move(tmp_path / "runs", tmp_path / "moved")
    assert find(output__name="mine") is None
    found = find(output__name="mine", output__dir="moved")
    assert (found.folder, found.is_older) == (Path("moved/mine"), False)
    assert found.table["output"] == {"dir": "moved", "name": "mine"}
    assert found.table["search"]["trials"] == 12


@pytest.mark.parametrize(("named", "found"), [(None, "200%model5"), ("auto", "200%model5"), ("41M", "41M")])
def test_the_default_cap_on_macs_of_an_older_run_is_that_of_then(runs, tmp_path, named, found):
    runs("stopped")
    (tmp_path / "mine.toml").write_text("" if named is None else f'[space]\nmax_macs = "{named}"\n')
    asked = read_study_request("mine.toml", {"output.name": "stopped"})
    assert (asked.config.space.max_macs, asked.config.search.trials) == (found, 12)
    fresh = read_study_request("mine.toml", {"output.name": "fresh"})
    assert fresh.config.space.max_macs == (named or "auto")


def test_without_a_name_data_set_cap_and_seed_say_which(runs):
    assert find() is None, "there are no runs, so nothing is asked"
    runs("digits-20k-s0", "digits-20k-s1", "own-20k-s0", "digits-20k-s0-calibration")
    cap = {"budget__max_params": "20k"}
    assert find(**cap, data__dataset="digits").folder.name == "digits-20k-s0"
    assert find(**cap, data__dataset="digits", search__seed=1).folder.name == "digits-20k-s1"
    assert find(**cap, data__dataset="elsewhere/own.npz").folder.name == "own-20k-s0"
    assert find(**cap, data__dataset="digits", suffix="-calibration").folder.name == "digits-20k-s0-calibration"
    assert find(budget__max_params="21k", data__dataset="digits") is None
    assert find(budget__tiers=["10k", 2e4], data__dataset="digits").folder.name == "digits-20k-s0"
    assert find(data__dataset="digits") is None, "without a cap of another kind, a run is named after MACs"
    runs("digits-macs-s0", "digits-40kB-6KiB-int8-s0")
    assert find(data__dataset="digits").folder.name == "digits-macs-s0"
    sizes = {"budget__max_bytes": "40000", "budget__max_memory": 6144, "budget__weights": "int8"}
    assert find(**sizes, data__dataset="digits").folder.name == "digits-40kB-6KiB-int8-s0"


def test_a_share_of_a_network_is_counted_for_the_images(runs):
    runs("digits-272186-s0")
    assert find(budget__max_params="100%resnet20", data__dataset="digits").folder.name == "digits-272186-s0"


def test_no_word_for_the_data_set_means_what_it_meant_when_the_run_was_made(runs, monkeypatch):
    def resolve(config, *, has_gpu):
        return replace(config, dataset="cifar10" if has_gpu else "harder")

    monkeypatch.setattr(addressed, "resolve", resolve)
    runs("digits-20k-s0")
    found = find(budget__max_params="20k")
    assert (found.folder.name, found.is_older) == ("digits-20k-s0", True)
    assert find(budget__max_params="20k", data__dataset="harder") is None
    assert find(budget__max_params="20k", output__name="harder-20k-s0") is None
    runs("harder-20k-s0")
    found = find(budget__max_params="20k")
    assert (found.folder.name, found.is_older) == ("harder-20k-s0", False)


def test_a_folder_that_no_run_wrote_is_none(runs, tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "study.toml").write_text("[search]\ntrials = 3\n")
    assert find(output__name="mine") is None
    runs("later")
    path = tmp_path / "runs" / "later" / "study.toml"
    path.write_text(path.read_text() + "colour = 'red'\n")
    with pytest.raises(StorageError, match=r"another version of this program \(`output.colour` is no key of output"):
        find(output__name="later")


def test_the_name_of_a_data_set_is_known_before_it_is_loaded(make_npz, tmp_path, monkeypatch):
    from PIL import Image

    own = make_npz(name="my.own.npz")
    for part in ("train", "test"):
        for label in "ab":
            (tmp_path / "images.d" / part / label).mkdir(parents=True)
            for i in range(4):
                Image.new("L", (6, 6), 9 * i).save(tmp_path / "images.d" / part / label / f"{i}.png")
    (tmp_path / "link").symlink_to(tmp_path / "images.d")
    monkeypatch.chdir(tmp_path)
    for dataset in ("digits", str(own), "images.d", "./link/"):
        assert addressed._data_name(dataset) == load_dataset(DataConfig(dataset=dataset)).name
    assert addressed._data_name("x" * 5_000) == "x" * 5_000


def test_an_own_kind_joins_the_space_of_a_search_and_of_a_calibration(tmp_path):
    keys = {"budget.max_params": "60k", "data.dataset": "digits", "output.dir": str(tmp_path)}
    asked = read_study_request(None, keys, ["space.kinds=['inverted']"], kind="own")
    assert asked.config.space.kinds == ("inverted", "own")
    asked = read_calibration_request(None, keys, networks=2, lengths=[1], kind="own")
    assert asked.config.space.kinds == ("basic", "own")
    assert read_study_request(None, keys).config.space.kinds == ("basic",)
