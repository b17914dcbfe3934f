"""Results of a search that an older version made, read, shown and used."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from PIL import Image

import budgetnas

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "runs"
    shutil.copytree(MADE, folder, ignore=shutil.ignore_patterns("expected"))
    return folder


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_a_stopped_and_a_trained_run_are_read_and_nothing_is_written(runs):
    before = content(runs)
    finished, stopped, trained = (budgetnas.load_run(str(runs / name)) for name in ("finished", "stopped", "trained"))
    assert content(runs) == before
    assert isinstance(finished, budgetnas.SearchResult)
    assert finished.spec in {one.candidate.spec for one in finished.finalists}
    assert (finished.validation_accuracy, finished.test_accuracy) == (253 / 287, 321 / 359)  # of the fresh seed
    assert finished.certificate == runs / "finished" / "best"
    assert (stopped.spec, stopped.certificate, stopped.test_accuracy) == (None, None, None)
    assert "network none fully trained yet" in repr(stopped)
    assert isinstance(trained, budgetnas.TrainingsResult)
    with pytest.raises(budgetnas.StorageError):
        budgetnas.load_run(runs)


def test_a_search_gives_its_tables(runs):
    result = budgetnas.load_run(runs / "finished")
    for table in ("trials", "trainings"):
        assert_frame_equal(result.to_dataframe(table), pd.read_csv(MADE / "expected" / f"finished-{table}.csv"))
    curves = result.to_dataframe("curves")
    assert list(curves.columns) == ["level", "trial", "epoch", "accuracy", "train_loss", "loss"]
    assert_frame_equal(curves.iloc[:, :4], pd.read_csv(MADE / "finished" / "curves.csv"))
    assert curves[["train_loss", "loss"]].isna().all(axis=None), "an older version recorded none"
    with pytest.raises(budgetnas.UsageError, match="`table` is 'trial', but must be one of trials"):
        result.to_dataframe("trial")


def test_a_search_is_read_under_other_caps(runs):
    found = budgetnas.best(runs / "finished", [15_000, "12k"])
    assert [tier.cap for tier in found] == [12_000, 15_000]
    assert repr(found).startswith("<CapResults: 12,000 ")
    assert list(found.to_dataframe()["max_params"]) == [12_000, 15_000]
    assert len(budgetnas.best(runs / "finished")) == 1
    assert len(budgetnas.best(runs / "finished", "15k")) == 1
    with pytest.raises(budgetnas.UsageError, match="`max_params` is 1,000,000,000"):
        budgetnas.best(runs / "finished", 1e9)


def test_a_certificate_is_checked_and_a_damaged_one_fails(runs, tmp_path):
    folder = budgetnas.export(runs / "finished", tmp_path / "net")
    whole = budgetnas.verify(folder)
    assert whole.passed
    assert repr(whole) == f"<Verification: holds yes, checks {len(whole)}>"
    assert list(whole.to_dataframe().columns) == ["check", "passed", "finding"]
    with pytest.raises(budgetnas.UsageError, match="which exists and is not empty"):
        budgetnas.export(runs / "finished", folder)
    (folder / "model.py").write_text("<b>")
    damaged = budgetnas.verify(folder)
    assert not damaged.passed
    assert "holds no" in repr(damaged)
    assert "<b>" not in damaged._repr_html_()


def test_images_are_classified_by_the_network_of_a_run(runs, tmp_path):
    for name, grey in (("a", 10), ("b", 200)):
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(tmp_path / f"{name}.png")
    for top, said in ((0, "must be 1 or more"), (99, "the network knows 10 classes"), ("2", "`top` is '2'")):
        with pytest.raises(budgetnas.UsageError, match=said):
            budgetnas.predict(runs / "finished", tmp_path, top=top)
    found = budgetnas.predict(runs / "finished", tmp_path, top=2)
    assert [one.image.id for one in found] == ["a", "b"]
    assert list(found.to_dataframe().columns) == ["id", "rank", "label", "class", "share"]
    assert len(found.to_dataframe()) == 4
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of the images cannot be read"):
        found = budgetnas.predict(runs / "finished", [tmp_path / "a.png", tmp_path / "c.png"])
    assert repr(found) == "<Predictions: images 1, unreadable 1>"
    assert len(found.faults) == 1
