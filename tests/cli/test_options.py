from __future__ import annotations

import argparse

import pytest

from budgetnas.cli.main import COMMANDS, main, make_parser
from budgetnas.cli.studies import KEYS
from budgetnas.config.study import StudyConfig, flatten

SEARCH = """
    --max-params --trials --dataset --data-dir --subset --out --name --seed --device --workers --sampler --promote
    --full-epochs --max-hours --storage --set --dry-run --no-paper-models --json
"""


CALIBRATE = """
    --max-params --networks --lengths --dataset --data-dir --subset --out --name --seed --device --workers --full-epochs
    --max-hours --storage --set --dry-run --json
"""


TRAIN = """
    --blocks --widths --epochs --recipe --precision --repeats --dataset --data-dir --subset --seed --device --workers
    --threads --max-minutes --out --name --json
"""


def options(name: str) -> set[str]:
    commands = next(a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {word for action in commands.choices[name]._actions for word in action.option_strings} - {"-h", "--help"}


def test_the_options_of_search_are_frozen():
    assert options("search") == set(SEARCH.split())
    assert options("calibrate") == set(CALIBRATE.split())
    assert options("best") == {"--max-params", "--storage", "--json"}
    assert options("export") == {"--trial", "--out", "--with-preprocessing", "--storage"}
    assert options("verify") == {"--dataset", "--data-dir", "--json"}
    assert options("predict") == {"--top", "--json"}
    assert options("report") == {"--storage"}
    assert options("dashboard") == {"--storage", "--host", "--port"}
    assert options("train") == set(TRAIN.split())
    assert options("reproduce") == set(TRAIN.split()) - {"--blocks", "--widths"} | {"--models"}


def test_every_option_sets_a_key_that_exists():
    assert set(KEYS.values()) <= set(flatten(StudyConfig()))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_shows_an_example(capsys, name):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "example: budgetnas" in text
    assert len(text.splitlines()) <= 50


@pytest.mark.parametrize(
    "words", [[], ["serach"], ["search", "--trails", "5"], ["search", "--trials", "x"], ["count", "--max", "5"]]
)
def test_unknown_words_are_one_line_with_the_next_step(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--help" in error
