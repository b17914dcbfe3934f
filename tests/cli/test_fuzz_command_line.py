"""Any words after `budgetnas`: a status of 0, 1 or 2 and at most one line on standard error, never a traceback."""

from __future__ import annotations

import argparse

import pytest
from hostile import WORDS, fuzz
from hypothesis import example, given
from hypothesis import strategies as st

from budgetnas.cli.main import COMMANDS, main, make_parser
from budgetnas.config.study import StudyConfig, flatten

READING = "Reading the data, counting the space, timing a few steps ...\n"
# What follows the drawn words, so that nothing trains, serves or counts for long, whatever they were.
LAST = {
    "search": ["--dry-run", "--dataset", "no/such"],
    "calibrate": ["--dry-run", "--dataset", "no/such"],
    "train": ["--dataset", "no/such"],
    "reproduce": ["--dataset", "no/such"],
    "space": ["--set", "space.widths=[16, 32]", "--set", "space.blocks=[1, 2]"],
}


def option_words(name: str) -> tuple[str, ...]:
    commands = next(a for a in make_parser(name)._actions if isinstance(a, argparse._SubParsersAction))
    return tuple(word for action in commands.choices[name]._actions for word in action.option_strings)


OPTIONS = {name: option_words(name) for name in COMMANDS}
KEYS = tuple(key for key in flatten(StudyConfig()) if key != "data.dataset")
VALUES = st.one_of(
    st.sampled_from(
        (*WORDS, "1", "2", "10", "5e6", "64", "1,2", "4,5,3,0", "64,128,250", ",", "[1, 2]", "paper", "modern200",
         "resnet18", "digits", "cpu", "cuda", "tpu", "runs/x", "file", "file/x", "folder", "any.toml", "broken.toml",
         "no.toml", "8x8", "0x0", "65536x65536", "x" * 300 + ".toml", "--", "-", "@file", "9" * 5_000, "sqlite:///file",
         "sqlite:///no/such", "sqlite:///" + "x" * 300, "mysql://x", "://", "a://b", "http://[", "--help")
    ),
    st.text(max_size=6),
)  # fmt: skip
SETTINGS = st.tuples(st.sampled_from(KEYS), VALUES).map("=".join)


@st.composite
def words(draw):
    command = draw(st.sampled_from(tuple(COMMANDS)))
    found = draw(st.lists(VALUES, max_size=2))
    for option in draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=4)):
        found.append(option)
        found += draw(st.lists(SETTINGS if option == "--set" else VALUES, min_size=0, max_size=1))
    return [command, *found, *LAST.get(command, [])]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no database and no image")
    (tmp_path / "folder").mkdir()
    (tmp_path / "any.toml").write_text("[budget]\nmax_params = '60k'\n")
    (tmp_path / "broken.toml").write_bytes(b"\xff = [")


def run(capsys, argv):
    try:
        status = main(argv)
    except SystemExit as stopped:
        status = stopped.code
    captured = capsys.readouterr()
    error = captured.err.removeprefix(READING)
    assert status in (0, 1, 2)
    assert error.count("\n") <= 1
    assert error.isprintable() or error[:-1].isprintable()
    assert "Traceback" not in captured.out
    return status, error


@fuzz(40)
@given(words())
@example(["predict", "folder", "\udcff.png"])
@example(["dashboard", "x" * 300])
@example(["report", "x" * 5_000, "--storage", "sqlite:///" + "x" * 5_000])
@example(["export", "folder", "--out", "x" * 5_000])
@example(["export", "folder", "--out", "file/x"])
@example(["count", "--\x1b[2J"])
@example(["count", "a\nb\n.toml"])
@example(["space", "--max-params", "60k", "--html", "file/x", "--set", "space.widths=[16, 32]"])
def test_any_words(here, capsys, argv):
    status, error = run(capsys, argv)
    if status == 2:
        assert error


@fuzz(40)
@given(st.lists(st.text(max_size=8) | st.sampled_from((*COMMANDS, *WORDS)), max_size=4))
def test_words_of_no_command(here, capsys, argv):
    words = [word for word in argv if word not in ("train", "reproduce", "search", "calibrate", "dashboard")]
    if words:  # none at all are answered with a whole screen
        run(capsys, words)


@pytest.mark.parametrize("word", ["a\0b", "\udcff"])
def test_a_word_that_is_no_text_is_refused_before_all_else(capsys, word):
    status, error = run(capsys, ["predict", "folder", word])
    assert status == 2
    assert "is no text: give words in UTF-8" in error
