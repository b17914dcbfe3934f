from __future__ import annotations

import argparse

import pytest

from budgetnas.cli.main import COMMANDS, main, make_parser
from budgetnas.cli.options import KEYS
from budgetnas.config.study import SPACE, StudyConfig, flatten

DATA = {"--dataset", "--data-dir", "--subset", "--image-size", "--test-share"}


SEARCH = """
    --space --trials --out --name --seed --device --workers --sampler --promote --full-epochs
    --rungs --repeats --recipe --controls
    --max-hours --storage --set --dry-run --no-paper-models --refit --json --space-code --track
    -q --quiet -v --verbose
"""


CALIBRATE = """
    --space --networks --lengths --out --name --seed --device --workers --full-epochs --max-hours
    --storage --set --dry-run --json --space-code --track
    -q --quiet -v --verbose
"""


NETWORK = """
    --blocks --widths --stem-width --kind --mids --expansions --kernels --groups --strides --shortcut --squeeze --neck
"""


TRAIN = """
    --epochs --recipe --precision --repeats --set --seed --device --workers
    --threads --max-minutes --out --name --json --space-code --test --no-test --track
    -q --quiet -v --verbose
"""


FIELDS = set(NETWORK.split())
CAPS = {"--max-params", "--max-macs", "--max-bytes", "--max-memory", "--weights"}
SHAPE = {"--classes", "--channels", "--image-size", "--json"}
HEIGHT, WIDTH = 40, 100  # of a screen


def options(name: str) -> set[str]:
    commands = next(a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {word for action in commands.choices[name]._actions for word in action.option_strings} - {"-h", "--help"}


def test_the_options_of_every_command_are_frozen():
    assert options("best") == {"--max-memory", "--max-params", "--max-bytes", "--storage", "--json"}
    assert options("search") == DATA | CAPS | set(SEARCH.split())
    assert options("calibrate") == DATA | CAPS | set(CALIBRATE.split())
    forms = {"--with-preprocessing", "--fold-norms", "--quantize"}
    assert options("export") == {"--trial", "--out", "--storage", "--json"} | forms
    assert options("verify") == DATA | {"--json"}
    assert options("predict") == {"--top", "--csv", "--columns", "--json"}
    assert options("report") == {"--storage", "--json", "--out", "--figures"}
    assert options("list") == {"--json"}
    assert options("doctor") == {"--out", "--data-dir", "--json"}
    assert options("dashboard") == {"--storage", "--host", "--port"}
    assert options("count") == SHAPE | CAPS | FIELDS | {"--table", "--latency", "--space-code"}
    assert options("space") == SHAPE | CAPS | {"--space", "--space-code", "--set", "--html"}
    assert options("fit") == SHAPE | CAPS | FIELDS | {"--step", "--space-code"}
    assert options("train") == DATA | FIELDS | set(TRAIN.split())
    assert options("reproduce") == options("train") - FIELDS - {"--space-code", "--test", "--no-test"} | {"--models"}


@pytest.mark.parametrize("name", ["count", "fit", "train"])
def test_every_option_of_a_network_is_shown_or_its_help_says_where(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    with pytest.raises(SystemExit):
        main([name, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    shown = {option for option in FIELDS if f" {option} " in text}
    assert shown == (FIELDS if name != "train" else {"--blocks", "--widths"})
    assert ("`budgetnas count --help` lists all options of a network" in text) == (name == "train")


def test_every_option_sets_a_key_that_exists():
    assert set(KEYS.values()) - {SPACE} <= set(flatten(StudyConfig()))


def test_every_command_speaks_to_programs_but_the_one_that_serves_people():
    assert {name for name in COMMANDS if "--json" not in options(name)} == {"dashboard"}


def fits_a_screen(text: str) -> bool:
    lines = text.splitlines()
    return len(lines) <= HEIGHT and max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_shows_an_example_that_can_be_parsed(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert fits_a_screen(text)
    example = text.splitlines()[-1].removeprefix("example: ").split()
    assert example[:2] == ["budgetnas", name]
    make_parser(name).parse_args(example[1:])


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_the_commands_fit_a_screen_too_and_nothing_at_all_is_no_command(capsys, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    try:
        status = main(words)
    except SystemExit as stopped:
        status = stopped.code
    captured = capsys.readouterr()
    text = captured.out if words else captured.err
    assert status == (0 if words else 2)
    assert (captured.err if words else captured.out) == ""
    assert fits_a_screen(text)
    assert set(COMMANDS) <= set(text.split())
    if not words:
        assert text.splitlines()[-2] == "To start: budgetnas search --max-params 5e6 --trials 100"


@pytest.mark.parametrize(
    "words", [["serach"], ["search", "--trails", "5"], ["search", "--trials", "x"], ["count", "--max", "5"]]
)
def test_unknown_words_are_one_line_with_the_next_step(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--help" in error
