"""Which networks a calibration trains; the real command is tested in tests/cli."""

from __future__ import annotations

import optuna
import pandas as pd
import pytest
from markupsafe import escape
from pandas.testing import assert_frame_equal
from small_studies import ladder_of, net, prepared, train

from budgetnas.exceptions import UsageError
from budgetnas.pipeline.calibrate import _prepare, _trainings, networks
from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.progress import Listener
from budgetnas.runs.calibration import as_json, fidelity_table, read_calibration, write_calibration
from budgetnas.runs.files import load_run
from budgetnas.runs.listing import read_run
from budgetnas.runs.settings import Kind
from budgetnas.storage.database import sqlite_url, study_names
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState

IMAGES = {"r1": 1, "r3": 3, "full": 10}


def test_more_networks_begin_with_the_same_ones_and_all_differ():
    few, many = (networks(prepared(search__trials=trials)) for trials in (5, 40))
    assert many[:5] == few
    assert len({net.spec for net in many}) == 40
    band = prepared().tiers[-1].band
    assert all(band.low <= net.params <= band.high for net in many)
    assert len({len(net.spec.blocks) for net in many}) == 3


def test_a_band_with_fewer_networks_gives_all_of_them():
    study = prepared(search__trials=200, space__blocks=[1, 1], space__stages=[1, 1])
    assert len(networks(study)) == len(study.tiers[-1].band) < 200


@pytest.fixture
def made(storage, tmp_path):
    study = prepared(Kind.CALIBRATION, search__trials=12, proxy__rungs=[1, 3], full__repeats=2, full__promote=3)
    ladder = ladder_of(study, storage)
    ladder.fulls.record(RunFacts(drawn=tuple(net.spec.id for net in networks(study))))
    ladder.fulls.record(RunFacts(setup=setup_of(study).as_json()))
    return study, ladder, tmp_path


def fill(study, ladder, score):
    for level, listed in _trainings(study, ladder, networks(study)):
        order = sorted({one.candidate.spec.id for one in listed})
        for one in listed:
            made = score(level.name, order.index(one.candidate.spec.id))
            each = None if made is None else made + one.repeat / 1000
            train(level.store, one, each, images=IMAGES[level.name])


@pytest.fixture
def read(storage):
    return lambda folder: read_calibration(storage, folder, "s")


def test_a_length_that_ranks_as_the_full_training_is_recommended(made, storage, read):
    study, ladder, folder = made
    fill(study, ladder, lambda level, i: {"r1": 7 * i % 12 / 100, "r3": i / 100, "full": 0.5 + i / 50}[level])
    result = read(folder)
    table = fidelity_table(result)
    assert [row[0] for row in table.rows] == ["1 epoch", "3 epochs", "params alone", "MACs alone", "at random"]
    assert table.rows[1][1:] == ("30.0%", "1.00", "1.00", "0.00")  # an interval of no width says nothing
    assert table.rows[-1][1:4] == ("0", "0.00", "0.25")
    assert result.k == 3
    assert "3 of 12" in table.notes[0]
    assert "full ones of 2 seeds" in table.notes[1]
    content = as_json(result)
    assert (content["networks"], content["seeds"], content["asked"]) == (12, 2, 24)
    assert (content["left"], content["failed"], len(table.notes)) == ({}, {}, 2)
    assert content["recommended_epochs"] == 3
    assert content["at_random"]["recall"] == 3 / 12
    first, second = content["warnings"]  # the full trainings score 50 % and more
    assert first.startswith("12 of 12 short trainings of 1 epoch ended at chance, or no further above it than luck")
    assert second.startswith("12 of 12 short trainings of 3 epochs ended at chance")
    page = write_calibration(result).read_text()
    assert escape(content["recommendation"]) in page
    assert f"Warning: {escape(first)}" in page
    assert (folder / "calibration.csv").read_text().splitlines()[0] == "spec,params,macs,score_r1,score_r3,score_full"
    assert_frame_equal(result.to_dataframe(), pd.read_csv(folder / "calibration.csv"))
    (folder / "s").mkdir()
    for name in study_names(storage):
        on_disk = sqlite_url(folder / "s" / "study.db")
        optuna.copy_study(from_study_name=name, from_storage=storage, to_storage=on_disk)
    again = repr(load_run(folder / "s"))
    assert again.startswith(
        "<Calibration: networks 12 of 12, lengths 1 and 3, recommended 3 epochs, data digits, folder"
    )


def test_networks_without_every_score_are_left_out_and_what_failed_is_told(made, read):
    study, ladder, folder = made
    fill(study, ladder, lambda level, i: None if (level, i) == ("r1", 3) else i / 100)
    result = read(folder)
    assert (len(result.nets), as_json(result)["left"]) == (11, {"r1": 1})
    left = "Left: 1 of 12 short trainings of 1 epoch. Run the same command to resume."
    failed = "Failed: 1 of the short trainings of 1 epoch."
    assert fidelity_table(result).notes[2] == left
    assert fidelity_table(result).notes[3].startswith(failed)
    page = write_calibration(result).read_text()
    assert left in page
    assert failed in page


def test_what_a_stopped_driver_had_started_is_left_to_do(made):
    study, ladder, _ = made
    trainings = _trainings(study, ladder, networks(study))
    fill(study, ladder, lambda level, i: i / 100)
    left = lambda: {level.name: level.count_left(nets) for level, nets in trainings}  # noqa: E731
    assert left() == {"r1": 0, "r3": 0, "full": 0}
    store = ladder.fulls
    for state in (TrialState.RUNNING, TrialState.WAITING):
        store.add(net(study, 16), state=state, facts=TrialFacts(repeat=0, seed=7))
    assert left() == {"r1": 0, "r3": 0, "full": 2}


def test_a_calibration_is_a_run_also_where_its_study_is_in_another_storage(made, read):
    study, ladder, folder = made
    fill(study, ladder, lambda level, i: None if (level, i) == ("full", 3) else i / 100)
    write_calibration(read(folder))
    run = read_run(folder)
    assert (run.kind, run.state, run.data, run.max_params) == ("calibration", "stopped", "digits", 60_000)
    assert (run.done, run.asked) == (22, 24)


def test_a_short_training_that_is_longer_than_a_full_one_is_refused():
    study = prepared(proxy__rungs=[1, 8], full__epochs=8)
    assert _prepare(study.config, study.hardware, Listener()).rungs == (1, 8)
    study = prepared(proxy__rungs=[1, 9], full__epochs=8)
    with pytest.raises(UsageError, match=r"short training has 9 epochs, but a full one on digits has 8: give"):
        _prepare(study.config, study.hardware, Listener())


def test_a_calibration_takes_no_short_trainings_from_a_search():
    study = prepared(proxy__from_run="nowhere")
    assert _prepare(study.config, study.hardware, Listener()).config.proxy.from_run is None


def test_a_calibration_without_any_training_says_too_few(made, read):
    _, _, folder = made
    result = read(folder)
    assert "Too few pairs to judge: 0" in result.recommendation().text
    page = write_calibration(result).read_text()
    assert "Too few pairs" in page
    assert "<table" not in page
    assert "Kendall" not in page.split("<body>")[1]


def test_one_network_has_no_rank_and_a_few_have_no_bars(made, read):
    study, ladder, folder = made
    nets = networks(study)
    for number, has_table, has_bars in ((1, False, False), (3, True, False), (12, True, True)):
        for level, listed in _trainings(study, ladder, nets[:number]):
            done = {trial.candidate.spec.id for trial in level.store.trials}
            for i, one in enumerate(listed):
                if one.candidate.spec.id not in done:
                    train(level.store, one, 0.3 + i / 100, images=IMAGES[level.name])
        result = read(folder)
        page = write_calibration(result).read_text().split("<body>")[1]
        assert len(result.nets) == number
        assert bool(fidelity_table(result).rows) == has_table
        assert ("Dashed lines" in page) == has_table
        assert ("Bars are 95 % intervals" in page) == has_bars
        assert ('"error_y"' in page) == has_bars
