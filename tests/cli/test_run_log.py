"""`-q`, `-v`, and `run.log`: what is printed, and what is kept with times."""

from __future__ import annotations

import json
import logging
import re

import pytest

from budgetnas.cli.run_log import FILE, RunLog, heard

SEARCH = [
    "search", "--max-params", "30k", "--trials", "2", "--promote", "1", "--full-epochs", "1", "--no-paper-models",
    "--dataset", "digits", "--subset", "20", "--device", "cpu", "--workers", "1", "--set", "space.widths=[8, 32]",
]  # fmt: skip
TRAIN = ["train", "1x8", "--dataset", "digits", "--subset", "20", "--epochs", "2", "--device", "cpu", "--workers", "1"]
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (.*)")


def logged(folder):
    lines = (folder / FILE).read_text().splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    return [LINE.fullmatch(line)[1] for line in lines]


def test_a_search_keeps_what_it_printed_and_another_command_adds_to_it(budgetnas, tmp_path):
    first = budgetnas(*SEARCH, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    kept = logged(folder)
    assert kept[0] == "$ budgetnas " + " ".join(SEARCH).replace("space.widths=[8, 32]", "'space.widths=[8, 32]'")
    assert kept[1:] == first.stdout.splitlines()
    quiet = budgetnas(*SEARCH, "-q", cwd=tmp_path)
    assert quiet.stdout.splitlines()[0].startswith("2 counted"), "the result, and nothing before it"
    assert quiet.stdout.splitlines() == first.stdout.splitlines()[-len(quiet.stdout.splitlines()) :]
    both = logged(folder)
    assert both[: len(kept)] == kept
    assert "This search was already finished; this is its result." in both[len(kept) :], "however quiet it was"


def test_quiet_and_verbose_trainings(budgetnas, tmp_path):
    quiet = budgetnas(*TRAIN, "-q", cwd=tmp_path)
    assert quiet.returncode == 0, quiet.stderr
    assert "epoch 1/2" not in quiet.stdout
    assert "weights    runs" in quiet.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    assert any("epoch 1/2" in line for line in logged(folder))
    verbose = budgetnas(*TRAIN, "-v", "--seed", "1", "--name", "again", "--json", cwd=tmp_path)
    assert json.loads(verbose.stdout)["folder"] == "runs/again", "debug lines are on standard error"
    debug = re.findall(r"^(.+): \d+\.\d\d s$", verbose.stderr, re.MULTILINE)
    assert "reading the data set digits" in debug
    assert {"trainings", "looks at the test set, trainings"} <= set(debug)
    assert any(line.startswith("looks at the test set, trainings: ") for line in logged(tmp_path / "runs" / "again"))


def test_a_refused_training_adds_nothing(budgetnas, tmp_path):
    assert budgetnas(*TRAIN, "--name", "one", cwd=tmp_path).returncode == 0
    before = (tmp_path / "runs" / "one" / FILE).read_bytes()
    refused = budgetnas(*TRAIN, "--name", "one", "--recipe", "long", cwd=tmp_path)
    assert refused.returncode != 0
    assert (tmp_path / "runs" / "one" / FILE).read_bytes() == before


def test_quiet_and_verbose_exclude_each_other(budgetnas):
    refused = budgetnas("search", "-q", "-v")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "not allowed with" in refused.stderr


@pytest.mark.parametrize(
    "word", ["postgresql://me:secret@host/db", "--storage=postgresql://me:se@cret@host", "mysql://h/db?password=secret"]
)
def test_no_password_is_kept(tmp_path, word):
    log = RunLog(f"budgetnas search --storage {word}")
    log.open(tmp_path)
    log.close()
    (line,) = logged(tmp_path)
    assert "***" in line
    assert "cret" not in line


def test_what_the_rooms_warn_of_is_printed_and_kept_even_if_quiet(tmp_path, capsys):
    log, room = RunLog("budgetnas train"), logging.getLogger("budgetnas.storage.database")
    with heard(logging.WARNING):
        log.start()
        log.open(tmp_path)
        room.warning("The database does not answer")
        room.debug("never mind")
        log.close()
        room.warning("afterwards")
    assert capsys.readouterr().err == "The database does not answer\nafterwards\n"
    assert logged(tmp_path) == ["$ budgetnas train", "The database does not answer"]


@pytest.mark.parametrize("why", ["a folder", "a full disk"])
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, capsys, why):
    if why == "a folder":
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).symlink_to("/dev/full")
    log = RunLog("budgetnas train")
    log.open(tmp_path)
    log.write(logging.INFO, "more")
    log.close()
    assert capsys.readouterr().err == ""
