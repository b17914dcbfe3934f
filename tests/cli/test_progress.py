"""How far trainings are, as a person sees it: rows on a terminal, lines elsewhere, and what Ctrl-C leaves."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from rich.console import Console as RichConsole
from terminal import left_on_screen, on_a_terminal

from budgetnas.cli import progress as module
from budgetnas.cli.console import Console
from budgetnas.cli.progress import progress_line, rows
from budgetnas.pipeline.progress import Progress, Running
from budgetnas.text import shortened, terminal_width

SEARCH = (
    "search", "--max-params", "30k", "--trials", "3", "--promote", "2", "--full-epochs", "2", "--no-paper-models",
    "--dataset", "digits", "--subset", "20", "--device", "cpu", "--workers", "2",
)  # fmt: skip
TRAIN = ("train", "1x8", "--dataset", "digits", "--subset", "20", "--device", "cpu", "--workers", "2", "--repeats", "2")


def running(number, **changes):
    one = {"epoch": 2, "epochs": 200, "accuracy": 0.9, "seconds": 4.0, "seconds_left": 1000.0, **changes}
    return tuple(Running(name=f"4x64-5x128-3x256-{i}x512 #{i}", **one) for i in range(number))


def progress(**changes):
    return Progress(**{"level": "r3", "done": 1, "total": 4, "best": 0.5, "epochs_done": 4, "epochs": 12, **changes})


def drawn(one, width, height=24):
    console = RichConsole(width=width, file=None, color_system=None)
    with console.capture() as captured:
        console.print(rows(one, width=width, height=height))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_rows_never_wrap_and_names_lose_their_middle(width):
    lines = drawn(progress(level="random", epochs_done=12_345, epochs=246_800, running=running(3)), width)
    assert len(lines) == 5
    assert max(map(terminal_width, lines)) <= width
    if width >= 80:
        assert re.fullmatch(r"  4x64.* #2 .* in 2 of 200 +90.00 +17 min left *", lines[-1])
        assert re.search(r" 1 of 4 +12,345 of 246,800 +best 50.00", lines[1])
    assert ("4x64-5x128-3x256-0x512 #0" in lines[2]) == (width == 120)
    assert (re.search(r"^  4x\S*\.\.\S*512 #2 ", lines[-1]) is not None) == (width == 80)


def test_more_trainings_than_lines_are_counted():
    lines = drawn(progress(running=running(50)), 80, height=10)
    assert len(lines) == 9, "a line is left for the cursor"
    assert lines[-1].strip() == "and 44 more"
    assert len(drawn(progress(running=running(7)), 80, height=10)) == 9
    line = progress_line(progress(running=running(50)))
    assert line.endswith("4x64-5x128-3x256-3x512 #3 in epoch 2 of 200, 46 more")


def test_a_training_shows_at_once_that_it_has_started():
    first = Running(name="1x8", epoch=1, epochs=5, seconds=2.0)
    assert re.search(r"1x8 .* in 1 of 5 +2 s so far", drawn(progress(best=None, running=(first,)), 80)[2])
    line = progress_line(Progress(level="", done=0, total=1, best=None, epochs=5, running=(first,)))
    assert line == "trainings: 0 of 1, 0 of 5 epochs; under way: 1x8 in epoch 1 of 5"
    long = Running(name="1x8", epoch=1, epochs=5, seconds=150.0)
    assert progress_line(progress(running=(long,))).endswith("1x8 in epoch 1 of 5 (2 min so far)")


@pytest.mark.parametrize("width", [1, 2, 5, 6])
def test_a_shortened_name_fits(width):
    assert terminal_width(shortened("4x64-5x128", width)) <= width
    assert terminal_width(shortened("\u4e2d\u6587" * 9, width)) <= width


@pytest.fixture
def now(monkeypatch):
    time = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def test_lines_come_every_ten_seconds_with_news_and_every_minute_without(capsys, now):
    console = Console(as_json=False)

    def said(seconds, **changes):
        now[0] += seconds
        console.progressed(progress(**changes))
        return len(capsys.readouterr().out.splitlines())

    one = running(1)
    assert said(0) == 0, "nothing runs yet"
    assert said(1, running=one) == 1, "the start, at once"
    assert said(5, running=one, epochs_done=5) == 0
    assert said(6, running=one, epochs_done=5) == 1
    assert said(50, running=one, epochs_done=5) == 0
    assert said(11, running=one, epochs_done=5) == 1, "it still runs"
    assert said(30, epochs_done=6) == 0, "between two trainings"
    assert said(0, running=one, epochs_done=6) == 1
    assert said(1, done=4, epochs_done=12) == 1, "the end, at once"
    assert said(1, done=4, epochs_done=12) == 0
    assert said(1, level="full", running=one) == 1
    assert said(1, level="full", is_test=True, epochs=0) == 0
    assert said(11, level="full", is_test=True, epochs=0, done=2) == 1
    assert said(1, level="controls", done=4) == 0, "an earlier driver trained all of it"


def test_a_level_that_ends_early_has_a_last_line_too(capsys, now):
    with Console(as_json=False) as console:
        console.progressed(progress(running=running(1)))
        console.progressed(progress(running=running(1), epochs_done=7))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "short trainings of 3 epochs: 1 of 4, 7 of 12 epochs, best 50.00 %"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A search of two workers on a terminal of 80 columns: its folder, and all that was seen."""
    folder = tmp_path_factory.mktemp("terminal")
    return folder, on_a_terminal(["-m", "budgetnas", *SEARCH], cwd=folder, COLUMNS="80", LINES="24")


def test_a_search_redraws_a_row_for_each_worker_within_80_columns(seen):
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen[1])
    lines = re.split(r"[\r\n]+", text)
    rows = [line for line in lines if re.search(r" in \d+ of \d+ ", line)]
    assert max(map(terminal_width, rows)) <= 80
    assert any(re.search(r"^  1x\S+ .* in 1 of 3 .* so far", line) for line in rows), "a start is shown at once"
    assert any(re.search(r" in [23] of 3 +\d+\.\d\d ", line) for line in rows)
    assert re.search(r"([^\r\n]+ in \d of 3 [^\r\n]*[\r\n]+){2}", text), "both workers"
    assert re.search(r"short trainings of 3 epochs +\S* +\d of 3 +\d of 9 ", text)


def test_at_the_end_a_line_of_each_level_is_left(seen):
    folder, text = seen
    lines = left_on_screen(text)
    assert not [line for line in lines if " in 1 of " in line or "━" in line or line.strip().endswith(" time")]
    ends = [line for line in lines if re.match(r"(short|full) trainings", line) and " epochs, best " in line]
    assert ends[0].startswith("short trainings of 3 epochs: 3 of 3, 9 of 9 epochs, best ")
    assert ends[-1].startswith("full trainings: 2 of 2, 4 of 4 epochs, best ")
    (log,) = folder.glob("runs/*/run.log")
    assert "  short trainings of 3 epochs: 0 of 3, 0 of 9 epochs; under way: 1x" in log.read_text(), "lines for rows"
    assert "\x1b" not in log.read_text()


def test_a_pipe_gets_lines_and_the_trials_are_the_same(seen, budgetnas, tmp_path):
    done = budgetnas(*SEARCH, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if re.match(r"(short|full) trainings.*: ", line)]
    assert re.fullmatch(r"short .*: 0 of 3, 0 of 9 epochs; under way: 1x\S+ in epoch 1 of 3", lines[0])
    assert lines[-1].startswith("full trainings: 2 of 2, 4 of 4 epochs, best ")
    assert "\x1b" not in done.stdout
    tables = [pd.read_csv(next(folder.glob("runs/*/trials.csv"))) for folder in (seen[0], tmp_path)]
    kept = ["trial", "state", "spec", "params", "score", "full_score", "test_accuracy"]
    pd.testing.assert_frame_equal(*(table[kept] for table in tables))


def test_train_says_what_runs_off_a_terminal_too(budgetnas, tmp_path):
    done = budgetnas(*TRAIN, "--epochs", 2, cwd=tmp_path)
    lines = done.stdout.splitlines()
    start = lines.index("trainings: 0 of 2, 0 of 4 epochs; under way: 1x8 #0 in epoch 1 of 2")
    assert start < next(i for i, line in enumerate(lines) if "epoch 1/2" in line)
    assert any(line.startswith("trainings: 2 of 2, 4 of 4 epochs, best ") for line in lines)
    quiet = budgetnas(*TRAIN, "--epochs", 2, "--name", "quiet", "-q", cwd=tmp_path)
    assert "trainings:" not in quiet.stdout


def test_an_interrupted_training_leaves_a_clean_screen_and_says_how_to_resume(tmp_path):
    words = ["-m", "budgetnas", *TRAIN, "--epochs", "900"]
    seen = on_a_terminal(words, tmp_path, interrupt_at=r" in \d+ of 900 +\d+\.\d\d", status=130, COLUMNS="80")
    lines = [line.strip() for line in left_on_screen(seen) if line.strip()]
    assert not [line for line in lines if " of 900 " in line or "━" in line]
    assert re.fullmatch(r"trainings: 0 of 2, [\d,]+ of 1,800 epochs, about .* left", lines[-3])
    assert lines[-2].startswith("Stopped. Finished trainings are kept")
    assert lines[-1].endswith("run the same command to resume.")
