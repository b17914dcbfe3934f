"""Mistyped options and commands: one line with the one that was meant."""

from __future__ import annotations

import pytest

from budgetnas.cli.main import COMMANDS, main, make_parser
from budgetnas.cli.parser import meant


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


@pytest.mark.parametrize(
    ("words", "kind", "option"),
    [
        (("search", "--max-parms", "5e6"), "option `--max-parms`", "`--max-params`"),
        (("search", "--max_params=5e6"), "option `--max_params`", "`--max-params`"),
        (("search", "-trials", "5"), "option `-trials`", "`--trials`"),
        (("search", "--trials", "x", "--epochs=5"), "option `--epochs`", "`--full-epochs`"),
        (("search", "--max"), "option `--max`", "`--max-params` or `--max-macs`"),
        (("fit", "resnet18", "--max-parms", "5"), "option `--max-parms`", "`--max-params`"),  # not: that one is missing
        (("--versoin",), "option `--versoin`", "`--version`"),
        (("serach", "--trials", "5"), "command `serach`", "`search`"),
        (("Count",), "command `Count`", "`count`"),
    ],
)
def test_what_was_meant_is_named(capsys, words, kind, option):
    what, typed = kind.split()
    prog = "budgetnas" if words[0] not in COMMANDS else f"budgetnas {words[0]}"
    said = f"{prog}: {typed} is no {what}: did you mean {option}? See `{prog} --help`"
    assert refused(capsys, *words) == said


@pytest.mark.parametrize("words", [("count", "--trials", "5"), ("count", "--x"), ("list", "runs", "more"), ("xyzzy",)])
def test_a_word_that_is_near_to_none_is_named_without_a_guess(capsys, words):
    said = refused(capsys, *words)
    assert words[-1] in said or words[-2] in said
    assert "did you mean" not in said
    assert said.endswith("--help`")


def test_what_follows_two_dashes_is_no_option(capsys):
    assert main(["count", "--", "--max-parms"]) == 2
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_with_two_letters_in_the_wrong_order_is_recognised(command):
    known = make_parser(command)._subparsers._group_actions[0].choices[command]._option_string_actions
    for option in known:
        if len(option) >= 7:  # of shorter ones too little is left
            wrong = option[:-2] + option[-1] + option[-2]
            assert wrong in known or option in meant(wrong, known)
