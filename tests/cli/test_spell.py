"""Options in place of the keys that the rooms below `cli` name."""

from __future__ import annotations

import pytest

from budgetnas.arch.spec import OPTIONS
from budgetnas.cli.main import COMMANDS, make_parser
from budgetnas.cli.options import KEYS, spell
from budgetnas.config.study import SPACE, StudyConfig, flatten

POSITIONALS = {"export": ["RUN", "--out", "x"], "fit": ["--max-params", "5"], "dashboard": ["RUN"]}


def typed(command, *words):
    return make_parser(command).parse_args([command, *POSITIONALS.get(command, []), *words])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("`search.trials` is 0, but must be from 1.", "`--trials` is 0, but must be from 1."),
        ("wait, or give another `output.name`.", "wait, or give another --name."),
        ("`full.epochs` is 0.", "`--full-epochs` is 0."),
        ("no spread: `full.repeats=3`", "no spread: --repeats 3"),
        ("no verdict: `evidence.controls=true`", "no verdict: --controls"),
        ("give `proxy.rungs=[3,6]` or `proxy.recipe=proxy`", "give --rungs 3,6 or --set proxy.recipe=proxy"),
        ("few: `search.trials=10` or more", "few: --trials 10 or more"),
        ("no control: see `evidence.control_networks`", "no control: see `evidence.control_networks`"),
        ("`runs/a` has `b` of `data.csv`", "`runs/a` has `b` of `data.csv`"),
    ],
)
def test_a_key_becomes_the_option_that_sets_it(text, told):
    assert spell(text, typed("search", "--trials", "0")) == told


def test_a_command_without_the_option_leaves_the_key():
    told = "give another `output.name`, or `full.repeats=3`"
    assert spell(told, typed("dashboard")) == told
    assert spell("`engine.workers` is 0.", typed("space")) == "`engine.workers` is 0."


def test_a_calibration_has_options_of_its_own():
    words = "`proxy.rungs` is [0], or `search.trials=10`, `proxy.rungs=[3,6]`"
    assert spell(words, typed("calibrate", "--lengths", "0")) == "`--lengths` is [0], or --networks 10, --lengths 3,6"


def test_what_a_file_or_a_setting_gave_is_named_by_its_key():
    wrong = "`search.trials` is 0: give `search.trials=1`"
    assert spell(wrong, typed("search")) == "`--trials` is 0: give --trials 1"
    for words in (["s.toml"], ["--set", "search.trials=0"], ["--set", "search.trials = 0"]):
        assert spell(wrong, typed("search", *words)) == "`search.trials` is 0: give --trials 1"
    both = typed("search", "--trials", "10", "--set", "search.trials=0")  # a setting comes after the options
    assert spell(wrong, both).startswith("`search.trials` is 0")
    assert spell(wrong, typed("search", "s.toml", "--trials", "0")) == "`--trials` is 0: give --trials 1"


def test_an_argument_of_python_is_spelt_where_the_error_carries_it():
    small, light = "`max_params` is 5: raise it", "`max_macs` is 5: raise it"
    assert spell(small, typed("fit"), argument="max_params") == "`--max-params` is 5: raise it"
    assert spell(small, typed("search", "s.toml"), argument="max_params") == "`budget.max_params` is 5: raise it"
    assert spell(light, typed("search"), argument="max_macs") == "`--max-macs` is 5: raise it"
    assert spell(light, typed("search", "s.toml"), argument="max_macs") == "`space.max_macs` is 5: raise it"
    assert spell("`trial` is 9", typed("export"), argument="trial") == "`--trial` is 9"
    assert spell("`trial` is no shipped network", typed("export")) == "`trial` is no shipped network"
    assert spell("`settings` is 'x'", typed("search"), argument="settings") == "`--set` is 'x'"


@pytest.mark.parametrize("name", OPTIONS)
def test_a_number_of_a_network_is_an_option_where_it_was_typed_and_not_where_an_id_has_it(name):
    wrong, word = f"`{name}` holds 0: raise it", f"--{name.replace('_', '-')}"
    assert spell(wrong, typed("count", word, "0"), argument=name) == f"`{word}` holds 0: raise it"
    assert spell(wrong, typed("count", "0x64"), argument=name) == wrong


def test_every_option_of_the_table_sets_a_key_and_some_command_has_it():
    assert set(KEYS.values()) - {SPACE} <= set(flatten(StudyConfig()))
    have = {action.dest for command in COMMANDS for action in actions(command)}
    assert set(KEYS) <= have


def actions(command):
    return make_parser(command)._subparsers._group_actions[0].choices[command]._actions
