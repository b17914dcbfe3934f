"""What programs are given: one JSON document on standard output, and people are told on standard error."""

from __future__ import annotations

import json

import pytest
from small_studies import pace, prepared

from budgetnas.cli.main import main
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_json import as_json


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def one_document(text: str) -> object:
    """Read the one document that a text is, strictly: JSON knows no NaN and no Infinity."""
    return json.loads(text, parse_constant=refuse)


SMALL = ("--dataset", "digits", "--max-params", "20k", "--device", "cpu", "--workers", "1", "--dry-run")


@pytest.mark.parametrize(
    "words",
    [
        ("count", "paper", "--max-params", "5e6", "--table"),
        ("count", "--blocks", "1", "--widths", "8"),
        ("space", "--max-params", "20k", "--image-size", "8"),
        ("fit", "--blocks", "1,1", "--widths", "8,16", "--max-params", "20k"),
        ("fit", "--blocks", "1", "--widths", "1", "--max-params", "500"),
        ("doctor",),
        ("list", "."),
        ("calibrate", *SMALL, "--networks", "2"),
    ],
)
def test_a_program_reads_one_document(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == 0
    assert one_document(capsys.readouterr().out) is not None
    assert list(tmp_path.iterdir()) == []


def test_the_plan_of_a_search_holds_the_whole_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["search", *SMALL, "--json"]) == 0
    captured = capsys.readouterr()
    plan = one_document(captured.out)
    assert plan["study"]["data.dataset"] == "digits"
    assert plan["study"]["budget.max_params"] == 20_000
    assert (plan["data"]["train"], plan["data"]["classes"], plan["caps"][0]["max_params"]) == (1_151, 10, 20_000)
    assert plan["lines"]["run"] == plan["run"] == "runs/digits-20k-s0"
    assert [cost["level"] for cost in plan["costs"]] == ["r3", "full"]
    assert "run          runs/digits-20k-s0" in captured.err


def test_a_plan_holds_no_password():
    study = prepared(output__storage="postgresql://me:secret@host/db")
    plan = as_json(
        Plan(
            prepared=study,
            usual=pace(1),
            large=pace(1),
            costs=(),
        )
    )
    assert plan["study"]["output.storage"] == "postgresql://me:***@host/db"
    assert "secret" not in json.dumps(plan)


def test_a_dry_run_says_when_the_storage_does_not_answer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["search", *SMALL, "--storage", "postgresql://me:secret@127.0.0.1:1/db"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("budgetnas: `postgresql://me:***@127.0.0.1:1/db` is no usable Optuna study")
    assert "secret" not in error


def test_an_error_leaves_standard_output_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
