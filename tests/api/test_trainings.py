from __future__ import annotations

import sys
from threading import Thread
from types import ModuleType

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import budgetnas


def test_a_notebook_trains_resumes_and_shows_what_it_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # without a file, as in a notebook
    lines = []

    class Lines(budgetnas.Listener):
        def epoch_ended(self, trial, report):
            lines.append((trial.candidate.spec.id, report.epoch))

    def train(**more):
        return budgetnas.train(blocks=[1], widths=[8], dataset="digits", device="cpu", listener=Lines(), **more)

    result = train(epochs=1)
    assert lines == [("1x8", 1)]
    assert repr(result).startswith("<TrainingsResult: trainings 1 finished, data digits, network 1x8, parameters 1,362")
    assert "<td>1x8</td>" in result._repr_html_()
    assert_frame_equal(result.to_dataframe(), pd.read_csv(result.folder / "epochs.csv"))
    again = []
    thread = Thread(target=lambda: again.append(train()))  # another thread hears no signals
    thread.start()
    thread.join()
    assert repr(again[0]) == repr(result) == repr(budgetnas.load_run("runs/train-1x8-s0"))
    (row,) = result.rows
    assert row.test is not None
    folder = budgetnas.export(result.folder, "net")
    assert budgetnas.verify(folder, dataset="digits").passed


def test_models_of_the_paper_are_chosen_by_number_or_name(tmp_path):
    with pytest.raises(budgetnas.UsageError, match="`repeats` is 0"):
        budgetnas.reproduce([1, "model5"], repeats=0, out=tmp_path)
    with pytest.raises(budgetnas.UsageError, match="different ones"):
        budgetnas.reproduce([1, "model1"], out=tmp_path)
