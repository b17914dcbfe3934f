from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import budgetnas
from budgetnas.api.arguments import command, plain


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: budgetnas.search(), "`max_params` is missing"),
        (lambda: budgetnas.search(max_params="5M", trials=0), "`trials` is 0, but must be from 1"),
        (lambda: budgetnas.search(max_params="5M", settings={"full.epoch": 1}), "did you mean `epochs`"),
        (lambda: budgetnas.search(max_params="5M", settings={"epochs": 1}), "`settings` has the key 'epochs'"),
        (lambda: budgetnas.search(max_params="5M", dataset=7), "`dataset` is 7, but must be a string"),
        (
            lambda: budgetnas.calibrate(max_params="5M", networks=1),
            "`networks` is 1, but must be a whole number from 2",
        ),
        (lambda: budgetnas.train("resnet20", max_minutes=0), "`max_minutes` is 0, but must be above 0"),
        (lambda: budgetnas.train("resnet20", settings={"full.epochs": 1}), "`settings` has a key of full"),
        (lambda: budgetnas.reproduce([6]), "`models` is '6', but must be different ones of 1, 2, 3, 4, 5"),
        (lambda: budgetnas.count(), "`network` is missing"),
        (lambda: budgetnas.count("resnet18", blocks=[1]), "give one or the other"),
        (lambda: budgetnas.count("resnet18", budgetnas.DataShape(), classes=5), "`shape` is given with"),
        (lambda: budgetnas.fit("resnet18", max_params="5X"), "`max_params` is '5X'"),
        (lambda: budgetnas.fit("resnet18", max_params="5M", step=0), "`step` is 0"),
        (lambda: budgetnas.calibrate(max_params="5M", networks="5"), "`networks` is '5', but must be a whole number"),
        (lambda: budgetnas.calibrate(max_params="5M", lengths="3"), "`lengths` is '3'"),
        (lambda: budgetnas.train("resnet20", precision="fp16"), "`precision` is 'fp16', but must be one of auto, fp32"),
        (lambda: budgetnas.train("resnet20", epochs=1.5), "`epochs` is 1.5, but must be a whole number"),
        (lambda: budgetnas.train("resnet20", workers="2"), "`workers` is '2', but must be a whole number"),
        (lambda: budgetnas.train("resnet20", max_minutes="5"), "`max_minutes` is '5', but must be a number"),
        (lambda: budgetnas.train(20), "`network` is 20, but must be a name"),
        (lambda: budgetnas.reproduce("1,6"), "`models` is '1,6'"),
        (lambda: budgetnas.count("resnet18", image_size=0), "`image_size` is 0, but must be one side in pixels"),
        (lambda: budgetnas.count("resnet18", image_size=(32,)), "`image_size` is (32,)"),
        (lambda: budgetnas.verify("runs/none", subset=5), "`dataset` is missing"),
    ],
)
def test_an_error_names_the_argument_as_python_spells_it(call, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(budgetnas.UsageError) as caught:
        call()
    assert said in str(caught.value)
    assert "`--" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_key_that_a_study_file_or_the_settings_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(budgetnas.UsageError, match=r"`search\.trials` is 0") as caught:
        budgetnas.search(max_params="5M", settings={"search.trials": 0})
    assert caught.value.argument == "search.trials"
    with pytest.raises(budgetnas.UsageError, match="`trials` is 0") as caught:
        budgetnas.search(max_params="5M", trials=0)
    assert caught.value.argument == "trials"
    (tmp_path / "own.toml").write_text("[search]\ntrials = 0\n")
    with pytest.raises(budgetnas.UsageError, match=r"`search\.trials` is 0"):
        budgetnas.search(max_params="5M", study=tmp_path / "own.toml")


def test_values_are_those_of_a_study_file():
    assert plain(Path("a") / "b") == "a/b"
    assert plain((1, [2.5, Path("c")], range(2))) == [1, [2.5, "c"], [0, 1]]
    assert plain((np.int64(3), np.float64(0.5))) == [3, 0.5]
    assert type(plain(np.int64(3))) is int
    assert plain("text") == "text"


def test_the_command_of_a_call_makes_the_same_call():
    given = {"max_params": "6'0k", "seed": None, "settings": {"a.b": (1, True), "c.d": Path('e"')}, "listener": print}
    *words, code = command("search", given)
    assert words == ["python", "-c"]
    assert shlex.split(shlex.join([*words, code])) == [*words, code]
    calls = []
    space = {"budgetnas": type("Fake", (), {"search": staticmethod(lambda **named: calls.append(named))})}
    exec(code.removeprefix("import budgetnas; "), space)
    assert calls == [{"max_params": "6'0k", "settings": {"a.b": [1, True], "c.d": 'e"'}}]
