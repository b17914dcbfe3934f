"""A kind of blocks of a person's own: searched, trained and exported by commands, and read without its code."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
from own_blocks import EXAMPLE, nothing_given

CODE = ("--space-code", "ours:Separable")
DATA = ("--dataset", "digits", "--device", "cpu", "--subset", 8)
SEARCH = ("search", "--max-params", "4k", "--trials", 2, "--promote", 1, "--full-epochs", 1, "--workers", 1, *DATA)
KEYS = ("space.widths=[8,16]", "space.blocks=[1,2]", "space.stages=[1,2]", "proxy.rungs=[1]")
ONLY = 'space.kinds=["separable"]'


@pytest.fixture(scope="module")
def home(budgetnas, tmp_path_factory):
    """The folder where a search and a training of the kind were run, whose module is deleted since then."""
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch, nothing_given():
        patch.setattr(sys, "dont_write_bytecode", True)
        shutil.copy(EXAMPLE, folder / "ours.py")
        settings = [word for key in (*KEYS, ONLY) for word in ("--set", key)]
        done = budgetnas(*SEARCH, *CODE, *settings, "--name", "s", cwd=folder)
        assert done.returncode == 0, done.stderr
        done = budgetnas("train", "separable.1x8", *CODE, *DATA, "--epochs", 1, "--name", "t", cwd=folder)
        assert done.returncode == 0, done.stderr
    forget(folder)
    return folder


def forget(folder):
    (folder / "ours.py").unlink()
    sys.modules.pop("ours", None)


@pytest.fixture(autouse=True)
def no_code():
    with nothing_given():
        yield
    sys.modules.pop("ours", None)


def test_a_search_trains_promotes_and_certifies_networks_of_the_kind(home):
    run = home / "runs" / "s"
    arch = json.loads((run / "best" / "arch.json").read_text())
    assert arch["id"].startswith("separable.")
    assert arch["params"] <= 4_000
    assert arch["spec"]["block_layers"][0][0][0]["layer"] == "Residual"
    assert "of separable blocks" in (run / "best" / "model.py").read_text()
    head = (run / "study.toml").read_text().splitlines()[0]
    assert head.endswith("`budgetnas search RUN/study.toml --space-code ours:Separable` resumes it.")


def test_a_fitted_network_of_the_kind_is_spelt_by_options_that_count_takes(home, budgetnas):
    shutil.copy(EXAMPLE, home / "ours.py")
    fitted = budgetnas("fit", "separable.1x16-2x32", *CODE, "--max-params", "60k", cwd=home)
    first = fitted.stdout.splitlines()[0]
    assert first == "separable.1x53-2x107: --blocks 1,2 --widths 53,107 --kind separable"
    counted = budgetnas("count", *first.split(": ")[1].split(), *CODE, cwd=home)
    assert counted.stdout.startswith("separable.1x53-2x107: ")
    forget(home)


def test_everything_that_reads_a_run_or_a_certificate_works_without_the_code(home, budgetnas):
    run, best = home / "runs" / "s", "runs/s/best"
    before = {name: (run / name).read_bytes() for name in ("report.html", "trials.csv", "results.json")}
    image = home / "image.npz"
    np.savez(image, x=np.zeros((1, 8, 8), np.uint8))
    for words in (
        ("report", "runs/s"),
        ("list", "runs"),
        ("list", "runs/s"),
        ("best", "runs/s", "--max-params", "3k,4k"),
        ("verify", best, "--dataset", "digits"),
        ("predict", best, "image.npz"),
        ("export", "runs/s", "--out", "again"),
        ("export", "runs/t", "--out", "trained"),
        ("verify", "trained"),
    ):
        done = budgetnas(*words, cwd=home)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert done.stdout
    assert {name: (run / name).read_bytes() for name in before} == before
    assert (home / "again" / "arch.json").read_bytes() == (run / "best" / "arch.json").read_bytes()
    assert "ours" not in sys.modules


@pytest.mark.parametrize(
    "words", [(*SEARCH, "--name", "s"), ("search", "runs/s/study.toml"), ("space", "runs/s/study.toml"),
              ("count", "separable.1x8"), ("train", "separable.1x8", *DATA, "--name", "t"),
              ("train", "separable.1x8", *DATA, "--name", "new")],
)  # fmt: skip
def test_what_needs_the_code_is_refused_without_it(home, budgetnas, words):
    done = budgetnas(*words, cwd=home)
    assert done.returncode == 2
    rule = "is 'separable', but must be basic, bottleneck, inverted, or a kind whose code is given as MODULE:CLASS.\n"
    assert done.stderr.startswith("budgetnas: `")
    assert done.stderr.endswith(rule)
    assert not (home / "runs" / "new").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [((*SEARCH, "--name", "s"), "s"), (("train", "separable.1x8", *DATA, "--name", "t"), "runs/t")],
)
def test_a_resume_takes_the_same_code_and_refuses_another(home, budgetnas, words, what):
    source = EXAMPLE.read_text()
    for text, status in ((source, 0), (f"{source}# changed\n", 1)):
        (home / "ours.py").write_text(text)
        done = budgetnas(*words, *CODE, cwd=home)
        forget(home)
        assert done.returncode == status, done.stderr
    assert done.stderr.startswith(
        f"budgetnas: `{what}` was started with other settings (space_code.separable was 'ours:Separable (SHA-256 "
    )
    assert done.stderr.count("\n") == 1


def test_a_study_file_cannot_name_code(home, budgetnas):
    (home / "odd.toml").write_text('[space]\ncode = "ours:Separable"\n')
    done = budgetnas("search", "odd.toml", "--max-params", "4k", cwd=home)
    assert done.returncode == 2
    assert "`space.code` is no key of space" in done.stderr
    done = budgetnas("search", "--max-params", "4k", "--set", "space.space_code=ours:Separable", cwd=home)
    assert (done.returncode, "is no key of space" in done.stderr) == (2, True)


def test_the_kind_joins_those_of_the_study(home, budgetnas):
    shutil.copy(EXAMPLE, home / "ours.py")
    done = budgetnas(
        "space", *CODE, "--max-params", "4k", "--set", KEYS[0], "--set", 'space.kinds=["inverted"]', "--json", cwd=home
    )
    assert set(json.loads(done.stdout)["strata"].values()) >= {"1 stage, inverted", "1 stage, separable"}
    done = budgetnas("count", "separable.1x8", *CODE, "--json", cwd=home)
    forget(home)
    assert json.loads(done.stdout)["kind"] == "separable"
