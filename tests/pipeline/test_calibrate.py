"""Which networks a calibration trains; the real command is tested in tests/cli."""

from __future__ import annotations

from html import escape

import pytest
from small_studies import ladder_of, prepared, train

from budgetnas.outcome.calibration import as_json, fidelity_table, read_calibration, write_calibration
from budgetnas.outcome.setup import CALIBRATION
from budgetnas.pipeline.calibrate import _levels, _prepare, networks
from budgetnas.preparation.describe import setup_of
from budgetnas.storage.database import open_storage, sqlite_url


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
def made(tmp_path):
    study = prepared(search__trials=12, proxy__rungs=[1, 3], full__repeats=2, full__promote=3)
    ladder = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db")))
    ladder.fulls.record("networks", len(networks(study)))
    ladder.fulls.record("setup", setup_of(study, kind=CALIBRATION).as_json())
    return study, ladder, tmp_path


def fill(study, ladder, score):
    for level, listed in _levels(study, ladder, networks(study)):
        order = sorted({one.candidate.spec.id for one in listed})
        for one in listed:
            made = score(level.name, order.index(one.candidate.spec.id))
            train(level.store, one, None if made is None else made + one.repeat / 1000)


def test_a_length_that_ranks_as_the_full_training_is_recommended(made):
    study, ladder, folder = made
    fill(study, ladder, lambda level, i: {"r1": 7 * i % 12 / 100, "r3": i / 100, "full": 0.5 + i / 50}[level])
    result = read_calibration(open_storage(sqlite_url(folder / "study.db")), folder, "s")
    table = fidelity_table(result)
    assert [row[0] for row in table.rows] == ["1 epoch", "3 epochs", "params alone", "MACs alone"]
    assert table.rows[1][1:] == ("30.0%", "1.00 [1.00, 1.00]", "1.00 [1.00, 1.00]", "0.00 [0.00, 0.00]")
    assert result.k == 3
    content = as_json(result)
    assert (content["networks"], content["networks_left"], len(table.notes)) == (12, 0, 1)
    assert content["recommended_epochs"] == 3
    page = write_calibration(result).read_text()
    assert escape(content["recommendation"]) in page
    assert (folder / "calibration.csv").read_text().splitlines()[0] == "spec,params,macs,score_r1,score_r3,score_full"


def test_networks_without_every_score_are_left_out(made):
    study, ladder, folder = made
    fill(study, ladder, lambda level, i: None if (level, i) == ("r1", 3) else i / 100)
    result = read_calibration(open_storage(sqlite_url(folder / "study.db")), folder, "s")
    assert (len(result.nets), as_json(result)["networks_left"]) == (11, 1)
    unfinished = "Not through every length yet: 1 network. The same command goes on."
    assert fidelity_table(result).notes[-1] == unfinished
    assert unfinished in write_calibration(result).read_text()
    ladder.fulls.record("networks", 5)
    fewer = read_calibration(open_storage(sqlite_url(folder / "study.db")), folder, "s")
    assert (fewer.left, len(fidelity_table(fewer).notes)) == (0, 1)


def test_a_calibration_takes_no_short_trainings_from_a_search():
    study = prepared(proxy__from_run="nowhere")
    assert _prepare(study.config, study.hardware).config.proxy.from_run is None


def test_a_calibration_without_any_training_says_too_few(made):
    _, _, folder = made
    result = read_calibration(open_storage(sqlite_url(folder / "study.db")), folder, "s")
    assert "Too few pairs to judge: 0" in result.recommendation().text
    assert "Too few pairs" in write_calibration(result).read_text()
