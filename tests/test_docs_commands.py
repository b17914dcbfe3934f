"""What people copy from the pages: every command parses, every example runs.

Run as they stand: `count`, `space`, `fit`, `report`, `verify`, `list`, `doctor`, the code that makes a data set; the
first `search` until it is interrupted. In a reduced form: a `search` of one's own images with one trial, `dashboard` on
a free port, the page on devices, `best` under the caps of a small search, which stands for `runs/digits-hard-5M-s0`
everywhere. Parsed only: `train`, `reproduce`, `calibrate`, which tests/cli runs; `pip install` is run by .ci/run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_studies import pace

from budgetnas.cli.main import COMMANDS, main, make_parser
from budgetnas.cli.studies import read_study_arguments
from budgetnas.config.study import load_study
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_lines import plan_lines
from budgetnas.pipeline.prepare import prepare

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "extensions"))
from colab_notebook import NOTEBOOK, SOURCE, notebook  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "studies" / "README.md"]
RUN_AS_SHOWN = ("count", "space", "fit", "report", "verify")


def shown(page: Path) -> list[list[str]]:
    """Every budgetnas command of a page, in blocks and in running text, as words; forms with [..] are left out."""
    blocks = re.findall(r"```\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [
        " ".join(code.split())
        for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.S))
    ]
    found = [re.search(r"(?:^|&& |machine )budgetnas (\w+ .+)", line) for line in lines]
    words = [re.findall(r"'[^']*'|\S+", match[1]) for match in found if match and "[-" not in match[1]]
    return [
        [word.strip("'") for word in command if word != "..."] for command in words if " [" not in " ".join(command)
    ]


def block(page: str, language: str) -> str:
    """Return the first block of a language on a page of the docs."""
    return re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)[1]


COMMANDS_SHOWN = sorted({tuple(words) for page in PAGES for words in shown(page)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where examples and commands run, one after the other; the sixth example leaves `runs/tiny` there."""
    path = tmp_path_factory.mktemp("pages")
    (path / "study.toml").write_text(block("laptop_then_gpu.md", "toml"))
    return path


@pytest.mark.pages
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_examples_run(path, folder):
    done = subprocess.run([sys.executable, path], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_notebook_is_what_its_source_makes():
    assert NOTEBOOK.read_text() == notebook(SOURCE.read_text()), "python docs/extensions/colab_notebook.py makes it"


@pytest.mark.pages
def test_the_notebook_runs_outside_colab(folder):
    """In a kernel: a search that is stopped and resumed, the report in a frame, a certificate that holds."""
    shutil.copy(NOTEBOOK, folder)
    words = [Path(sys.executable).with_name("jupyter-execute"), NOTEBOOK.name, "--output=executed"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "executed.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    said = "".join("".join(output.get("text", ())) for output in outputs)
    assert "run the same command to resume" in said
    assert "4 trained; ended because all trials were done." in said
    assert "This certificate holds" in said
    assert any("<iframe" in "".join(output["data"].get("text/html", ())) for output in outputs if "data" in output)


@pytest.mark.parametrize("words", COMMANDS_SHOWN, ids=" ".join)
def test_every_command_shown_parses(words):
    assert words[0] in COMMANDS
    make_parser(words[0]).parse_args(words)


def test_the_pages_show_commands():
    assert {words[0] for words in COMMANDS_SHOWN} >= {*RUN_AS_SHOWN, "search", "best", "dashboard", "reproduce"}


@pytest.mark.pages
@pytest.mark.parametrize(
    "words",
    [words for words in COMMANDS_SHOWN if words[0] in RUN_AS_SHOWN and not {"device-net", "RUN2"} & set(words)],
    ids=" ".join,
)
def test_quick_commands_run_as_shown(words, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    words = [
        re.sub(r"^(RUN|runs/NAME|runs/digits-hard-5M-s0)", "runs/tiny", word).replace("DIR", "runs/tiny/best")
        for word in words
    ]
    assert main(words) == 0
    assert capsys.readouterr().out


@pytest.mark.pages
def test_the_first_command_starts_as_shown_and_stops_when_told(tmp_path):
    words = ["search", "--max-params", "5e6", "--trials", "100"]
    assert all(words in shown(ROOT / page) for page in ("README.md", "docs/quickstart.md"))
    no_gpu = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # with one it would download CIFAR-10
    with subprocess.Popen(
        [sys.executable, "-m", "budgetnas", *words], cwd=tmp_path, env=no_gpu, stdout=subprocess.PIPE, text=True
    ) as process:
        assert any(line.startswith("short trainings of 3 epochs: ") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert rest.endswith("run the same command to resume.\n")
    assert (tmp_path / "runs" / "digits-hard-5M-s0" / "study.db").exists()


@pytest.mark.pages
def test_a_finished_run_is_listed_shown_again_served_and_predicts(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for words in (["list"], ["doctor"], ["search", "runs/tiny/study.toml"]):
        assert main(words) == 0
    said = capsys.readouterr().out
    assert "tiny" in said
    assert "This search was already finished" in said
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save("image.png")
    assert main(["predict", "runs/tiny/best", "image.png"]) == 0
    assert "image.png" in capsys.readouterr().out
    words = [sys.executable, "-m", "budgetnas", "dashboard", "runs/tiny", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(address, timeout=30) as reply:
            assert reply.status == 200
        process.terminate()


@pytest.mark.parametrize("page", ["laptop_then_gpu.md", "research.md"])
def test_the_study_that_a_page_shows_is_one(page, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(block(page, "toml"))
    assert load_study(str(path), {}, []).search.first_models == ("resnet20",)


def test_the_sampler_in_a_plain_study_works_as_the_page_on_research_shows():
    names: dict[str, Any] = {}
    exec(block("research.md", "python"), names)
    trials = names["study"].trials
    assert names["observed"].value == max(trial.value for trial in trials)
    assert names["trusted"] in trials


@pytest.mark.pages
def test_own_images_are_searched(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    exec(block("own_data.md", "python"), {})
    (words,) = (words for words in shown(ROOT / "docs" / "own_data.md") if "images.npz" in words)
    reduced = ["--trials", "1", "--promote", "1", "--full-epochs", "1", "--device", "cpu"]
    assert main([*words, *reduced]) == 0
    assert "1 trained" in capsys.readouterr().out


@pytest.mark.pages
def test_caps_of_a_device_become_a_verified_file(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    commands = shown(ROOT / "docs" / "device.md")[:4]
    assert [words[0] for words in commands] == ["count", "search", "export", "verify"]
    for words in commands:
        reduced = ["--trials", "1", "--promote", "1", "--full-epochs", "1", "--device", "cpu"]
        assert main(words + reduced * (words[0] == "search")) == 0
    assert "model.int8.onnx" in capsys.readouterr().out
    assert (folder / "device-net" / "model.int8.onnx").stat().st_size <= 256 * 1024


@pytest.mark.pages
def test_a_search_is_read_under_other_caps(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["best", "runs/tiny", "--max-params", "20k,40k,60k"]) == 0
    assert "The best under each cap" in capsys.readouterr().out


def plan(words: list[str]) -> list[str]:
    """What a search prints before it trains; its speed, which is measured, is left at 1 image/s."""
    prepared = prepare(read_study_arguments(make_parser("search").parse_args(words), {}).config)
    found = Plan(
        prepared=prepared,
        usual=pace(1),
        large=pace(1),
        costs=(),
    )
    return [f"{name:<12} {value}" for name, value in plan_lines(found)]


def test_the_plan_of_the_first_command_is_the_one_that_the_quickstart_shows():
    words = ["search", "--max-params", "5e6", "--trials", "100"]
    assert tuple(words) in COMMANDS_SHOWN
    found = plan([*words, "--dataset", "digits-hard", "--device", "cpu"])
    names = {"run", "data", "space", "budget", "band", "trials", "promotion"}
    page = (ROOT / "docs" / "quickstart.md").read_text()
    told = [line for line in page.splitlines() if re.match(r"[a-z]+ {2,}\S", line) and line.split()[0] in names]
    assert len(told) == len(names)
    assert set(told) <= set(found)


def test_the_page_on_own_data_makes_a_data_set_that_its_search_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(block("own_data.md", "python"), {})
    words = next(words for words in shown(ROOT / "docs" / "own_data.md") if words[0] == "search")
    assert any(line.startswith("data         images: 1,") for line in plan(words))
