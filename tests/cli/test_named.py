"""What a command asks for: the keys that it names, over those of the run that it means, over the defaults."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from budgetnas.cli.main import main

STOPPED = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "stopped"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Read a command as it stands, beside a run `stopped` and a person's `mine.toml`, and do none of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "stopped").mkdir(parents=True)
    shutil.copy(STOPPED / "study.toml", tmp_path / "runs" / "stopped")
    (tmp_path / "mine.toml").write_text("[search]\ntrials = 30\nbatch = 2\n[budget]\nmax_params = '9k'\n")
    found = []
    for command in ("search", "calibrate"):
        monkeypatch.setattr(f"budgetnas.cli.{command}.carry_out", lambda _, asked, **rest: found.append(asked))

    def read(*words):
        assert main([*words]) == 0
        return found.pop().config

    return read


def test_options_lie_over_the_study_file_and_that_over_the_run(asked):
    config = asked("search", "mine.toml", "--name", "stopped", "--sampler", "random", "--set", "full.promote=3")
    assert (config.search.trials, config.search.batch, config.budget.max_params) == (30, 2, "9k")
    assert (config.search.sampler, config.full.promote) == ("random", 3)
    assert (config.search.seed, config.full.epochs, config.engine.precision) == (1, 4, "fp32")
    assert (config.data.dataset, config.output.dir, config.output.name) == ("digits", "runs", "stopped")
    assert asked("search", "--max-params", "9k", "--name", "new").search.seed == 0
    assert asked("search", "runs/stopped/study.toml") == asked("search", "--name", "stopped")


def test_what_people_set_most_has_options_of_its_own(asked):
    words = ("search", "--name", "stopped", "--rungs", "3,8", "--repeats", "3", "--recipe", "modern200", "--controls")
    config = asked(*words)
    keys = ("proxy.rungs=[3,8]", "full.repeats=3", "full.recipe='modern200'", "evidence.controls=true")
    assert config == asked("search", "--name", "stopped", *(word for key in keys for word in ("--set", key)))
    assert (config.proxy.rungs, config.full.repeats, config.full.recipe) == ((3, 8), 3, "modern200")
    assert config.evidence.controls
    assert asked(*words, "--refit").evidence.refit
    assert asked("search", "--name", "stopped") == asked("search", "runs/stopped/study.toml"), "none of them is given"
    assert asked(*words, "--set", "full.repeats=2").full.repeats == 2, "a setting comes after the options"


def test_a_calibration_has_its_own_number_of_networks_that_of_its_run_or_the_one_that_is_named(asked):
    assert asked("calibrate", "mine.toml", "--name", "new").search.trials == 24
    assert asked("calibrate", "mine.toml", "--name", "new", "--networks", "7").search.trials == 7
    assert asked("calibrate", "mine.toml", "--name", "new", "--set", "search.trials=8").search.trials == 8
    config = asked("calibrate", "mine.toml", "--name", "stopped")
    assert (config.search.trials, config.search.batch, config.proxy.rungs) == (12, 2, (3,))
    assert asked("calibrate", "runs/stopped/study.toml", "--lengths", "2").proxy.rungs == (2,)
