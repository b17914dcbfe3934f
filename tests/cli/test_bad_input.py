"""Every wrong input to `search`: one line that names it, the right exit status, nothing written."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from budgetnas.cli.main import main
from budgetnas.data.load import SHAPES


def refuse(capsys, tmp_path: Path, status: int, *words: str) -> str:
    runs = tmp_path / "runs"
    assert main(["search", "--out", str(runs), *words]) == status
    captured = capsys.readouterr()
    assert captured.out in ("", "Reading the data, counting the space, timing a few steps ...\n")
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("budgetnas: ")
    assert not runs.exists()
    return captured.err


@pytest.mark.parametrize("cap", ["0", "-1", "abc", "nan", "inf", "1e-9", "5MB"])
def test_a_cap_that_is_none(capsys, tmp_path, cap):
    assert f"`--max-params` is '{cap}'" in refuse(capsys, tmp_path, 2, f"--max-params={cap}", "--dataset", "digits")


def test_no_cap_at_all(capsys, tmp_path):
    assert "`--max-params` is missing" in refuse(capsys, tmp_path, 2, "--dataset", "digits")


def test_a_budget_that_nothing_fits_names_the_smallest_network(capsys, tmp_path):
    said = refuse(capsys, tmp_path, 1, "--max-params", "100", "--dataset", "digits", "--device", "cpu")
    assert "`--max-params` is 100, but the smallest architecture of the space has 5,018 parameters (1x16)" in said


def test_a_cap_on_macs_that_nothing_fits(capsys, tmp_path):
    words = ("--max-params", "5e6", "--dataset", "digits", "--device", "cpu", "--set", "space.max_macs=10")
    assert "`space.max_macs` is 10" in refuse(capsys, tmp_path, 1, *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "0"), "`--trials` is 0, but must be from 1"),
        (("--set", "search.trials=0"), "`search.trials` is 0"),
        (("--seed=-1",), "`--seed` is -1"),
        (("--promote", "0"), "`--promote` is 0"),
        (("--full-epochs", "0"), "`--full-epochs` is 0"),
        (("--workers", "0"), "`--workers` is 0"),
        (("--max-hours=-1",), "`--max-hours` is -1"),
        (("--max-hours=inf",), "`--max-hours` is inf"),
        (("--subset", "1"), "`--subset` is 1"),
        (("--set", "budget.max_params=" + "9" * 400), "`budget.max_params` is 999"),
        (("--set", "data.image_size=16"), "only image folders are resized"),
        (("--set", "search.stop=hopeless"), "`search.stop` is 'hopeless', but without fresh seeds nothing says"),
        (("--set", "search.stop=hopeless", "--sampler", "random"), "only the default sampler and model can tell"),
        (("--set", "search.stop=never"), "`search.stop` is 'never'"),
        (("--set", "full.start=first"), "`full.start` is 'first'"),
        (("--sampler", "magic"), "one of thompson, evolution, random, tpe"),
        (("--device", "tpu"), "one of auto, cpu, cuda, mps"),
        (("--name", "../up"), "`--name` is '../up'"),
        (("--set", "space.widths=[64, 32]"), "`space.widths` is [64, 32]"),
        (("--set", "space.stages=[4, 4]"), "8x8"),
        (("--set", "proxy.recipe=none"), "`none` is not among the shipped names"),
        (("--set", "nothing.at=1"), "`nothing` is no key"),
        (("no.toml",), "`no.toml` is no file"),
        (("paper",), "declares models to count"),
    ],
)
def test_values_out_of_range(capsys, tmp_path, words, said):
    assert said in refuse(capsys, tmp_path, 2, *words, "--max-params", "1e5", "--dataset", "digits")


def test_data_that_are_not_there_or_not_right(capsys, tmp_path, make_npz, make_folder):
    flat = str(make_folder(parts=("",)))
    for words, said in (
        (("--dataset", flat), "it looks like a folder per class, so give --test-share 0.2"),
        (("--dataset", str(make_npz()), "--test-share", "0.2"), "`--test-share` is given, but"),
        (("--dataset", "no/such.npz"), "`--dataset` is 'no/such.npz'"),
        (("--dataset", str(make_npz(y_train=np.arange(7)))), "60 images in x_train"),
        (("--dataset", str(tmp_path)), "has no folder train/"),
    ):
        assert said in refuse(capsys, tmp_path, 1, "--max-params", "1e5", *words)


def test_cifar_without_a_network_says_how_to_get_it(capsys, tmp_path, monkeypatch):
    def unreachable(*arguments, **options):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    words = ("--max-params", "1e5", "--dataset", "cifar10", "--data-dir", str(tmp_path / "data"))
    said = refuse(capsys, tmp_path, 1, *words)
    assert "cifar-10-python.tar.gz" in said
    assert "--dataset digits" in said
    # A plan needs no images, only their number and shape.
    plan = ["search", *words, "--device", "cpu", "--workers", "1", "--out", str(tmp_path / "runs"), "--dry-run"]
    plan += ["--set", "space.widths=[8, 32]", "--no-paper-models"]
    assert main(plan) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "NOTE: cifar10 is not here and cannot be downloaded: this plan is for images of its shape." in lines
    assert any(line.startswith("data         cifar10: 40,000 training, 10,000 validation") for line in lines)
    assert not (tmp_path / "runs").exists()
    said = refuse(capsys, tmp_path, 2, "--max-params", "1e5", "--dataset", f"{SHAPES}cifar10", "--device", "cpu")
    assert "give cifar10" in said


def test_an_output_folder_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").touch()
    words = ["search", "--max-params", "1e5", "--dataset", "digits", "--out", str(tmp_path / "file")]
    assert main(words) == 1
    assert "cannot be written (Not a directory)" in capsys.readouterr().err


def test_a_storage_that_leads_nowhere(capsys, tmp_path):
    for url in ("study.db", "sqlite:////no/such/folder/study.db", "nonsense://x", "sqlite:///" + "x" * 400):
        said = refuse(capsys, tmp_path, 1, "--max-params", "1e5", "--dataset", "digits", "--storage", url)
        assert "no usable Optuna study" in said


def test_a_study_database_that_is_none(capsys, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "study.db").write_text("not a database at all, but long enough to be looked at\n" * 20)
    words = ["search", "--max-params", "1e5", "--dataset", "digits", "--out", str(tmp_path), "--name", "run"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "no usable Optuna study (file is not a database)" in error
    assert error.count("\n") == 1
    assert (run / "study.db").read_text().startswith("not a database")
