"""The opening of a run, and short trainings that it takes over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_studies import first, net, prepared, train

from budgetnas.config import recorded as before
from budgetnas.config import recorded as then
from budgetnas.config.study import load_study
from budgetnas.exceptions import StorageError, StudyMismatchError
from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.open_run import loaded, opened, rehearsed, study_file
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.promote import decide, planned
from budgetnas.runs.settings import Kind
from budgetnas.space.sampled import SampledIndex
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore, read_study
from budgetnas.training.device import find_hardware
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState


@pytest.mark.parametrize("storage", ["postgresql://me:secret@host/db", "postgresql://host/db?user=me&password=secret"])
def test_no_password_is_in_the_study_file_and_it_says_what_to_add(storage):
    text = study_file(prepared(output__storage=storage))
    assert "secret" not in text
    assert "storage =" not in text
    assert "`budgetnas search RUN/study.toml --storage URL` resumes it." in text.splitlines()[0]


def test_an_address_without_a_password_stays():
    assert 'storage = "postgresql://me@host/db"' in study_file(prepared(output__storage="postgresql://me@host/db"))


def test_a_run_holds_the_study_that_goes_on_with_it(tmp_path):
    study = prepared(output__dir=str(tmp_path), full__repeats=2, proxy__rungs=[1, 2])
    with opened(study) as run:
        path = run.folder / "study.toml"
    before = path.read_text()
    again = prepare(load_study(str(path), {}, []))
    assert again.config == study.config
    assert again.identity() == study.identity()
    with opened(again):
        assert path.read_text() == before
    more = prepare(load_study(str(path), {"search.trials": 9}, []))
    with opened(more):
        assert "trials = 9\n" in path.read_text()
    other = replace(study, config=replace(study.config, search=replace(study.config.search, seed=1)))
    with pytest.raises(StudyMismatchError), opened(other):
        pass
    assert "seed = 0\n" in path.read_text()


def test_the_default_cap_on_macs_is_recorded_as_its_number(tmp_path):
    study = prepared(output__dir=str(tmp_path))
    number = study.budget.max_macs
    assert (study.config.space.max_macs, study.identity()["space.max_macs"]) == (number, number)
    with opened(study) as run:
        assert f"max_macs = {number}\n" in (run.folder / "study.toml").read_text()
    with opened(prepared(output__dir=str(tmp_path))), opened(prepared(output__dir=str(tmp_path / "other"))):
        pass
    shared = prepared(space__max_macs="200%model5")
    assert shared.identity()["space.max_macs"] == "200%model5", "a record of an older run has it so"


def test_a_rehearsal_finds_what_a_driver_would_and_changes_nothing(tmp_path):
    study = prepared(output__dir=str(tmp_path / "runs"))
    assert rehearsed(study)[1].first.trials == []
    assert list(tmp_path.iterdir()) == []
    with opened(study) as run:
        first(study, run.ladder.first, 0.5)
        before = (run.folder / "study.db").read_bytes()
        found, ladder = rehearsed(study)
        assert ladder.first.trials == run.ladder.first.trials
        assert found.tiers[0].band.low == run.prepared.tiers[0].band.low
        first(study, ladder.first, 0.7)
        assert (run.folder / "study.db").read_bytes() == before
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        rehearsed(prepared(output__dir=str(tmp_path / "runs"), search__seed=1))
    (tmp_path / "other.db").write_text("no database at all, but long enough to be read as one" * 9)
    with pytest.raises(StorageError, match="is no usable Optuna study"):
        rehearsed(prepared(output__storage=f"sqlite:///{tmp_path}/other.db"))


def test_a_run_goes_on_at_the_precision_that_it_began_with_on_whatever_machine(tmp_path):
    began, other = (replace(find_hardware("cpu"), precision=precision) for precision in ("fp32", "bf16"))
    config = prepared(output__dir=str(tmp_path)).config
    config = replace(config, engine=replace(config.engine, precision="auto"))
    with opened(prepare(config, began)) as run:
        path = run.folder / "study.toml"
    refusal = pytest.raises(StudyMismatchError, match=r"precision was 'fp32', is 'bf16'.*\(saved in `.*study\.toml`\)")
    with refusal, opened(prepare(config, other)):
        pass
    with opened(prepare(load_study(str(path), {}, []), other)) as run:
        assert {run.ladder.rungs[0].recipe.precision, run.ladder.full.recipe.precision} == {"fp32"}


def test_the_study_of_a_calibration_says_how_many_networks_it_has(tmp_path):
    study = prepared(output__dir=str(tmp_path), search__trials=5)
    with opened(replace(study, kind=Kind.CALIBRATION)):
        head = (Path(tmp_path) / "s" / "study.toml").read_text().splitlines()[0]
    assert "`budgetnas calibrate RUN/study.toml --networks 5` resumes it." in head


def test_a_study_keeps_the_settings_that_it_was_started_with_and_its_bands(storage):
    tiers = {"budget__tiers": ["30k", "60k"], "budget__max_params": None}
    before, ladder = loaded(prepared(**tiers), storage)
    again, _ = loaded(prepared(search__trials=900, **tiers), storage)
    fulls = ladder.fulls
    assert [tier.band.low for tier in again.tiers] == [tier.band.low for tier in before.tiers]
    with pytest.raises(StudyMismatchError, match=r"search\.seed was 0, is 1"):
        loaded(prepared(search__seed=1, **tiers), storage)
    loaded(prepared(proxy__rungs=[3, 8], **tiers), storage)
    fulls.record(RunFacts(identity={**fulls.facts.identity, "proxy.rungs": [3, 24]}))  # as older versions recorded it
    loaded(prepared(proxy__rungs=[3, 24], **tiers), storage)
    with pytest.raises(StudyMismatchError, match=r"proxy\.rungs was \[3\], is \[2\]"):
        loaded(prepared(proxy__rungs=[2, 3], **tiers), storage)
    with pytest.raises(StudyMismatchError, match=r"kind was 'search', is 'calibration'"):
        loaded(replace(prepared(**tiers), kind=Kind.CALIBRATION), storage)


def test_an_older_study_resumes_with_the_values_that_the_program_had_then(storage, monkeypatch):
    study = prepared()
    fulls = loaded(study, storage)[1].fulls
    fulls.record(RunFacts(setup=setup_of(study).as_json()))
    younger = ("space.width_step", "proxy.recipe.ema", "full.recipe.ema")
    recorded = {key: value for key, value in fulls.facts.identity.items() if key not in younger}
    fulls.record(RunFacts(identity={**recorded, "proxy.recipe.lr": 0.3, "full.recipe.momentum": 0.8}))
    monkeypatch.setattr(then, "BEFORE", {"recipe.ema": 0.9, "space.width_step": 4})
    with pytest.raises(StudyMismatchError, match=r"other settings \(space.width_step was 4, is 8\): use the original"):
        loaded(prepared(), storage)
    again, _ = loaded(prepared(space__width_step=4), storage)
    assert (again.proxy.ema, again.full.ema, again.proxy.lr, again.full.momentum) == (0.9, 0.9, 0.3, 0.8)
    with pytest.raises(StudyMismatchError, match=r"proxy.recipe.batch_size was 512, is 128"):
        loaded(prepared(space__width_step=4, proxy__recipe="full"), storage)


def test_a_run_that_drew_from_what_could_not_be_counted_keeps_its_draws(storage):
    study = prepared()
    sampled = SampledIndex(study.space, max_macs=study.budget.max_macs)
    older = replace(study, index=sampled).with_bands([(tier.band.low, tier.band.high) for tier in study.tiers])
    fulls = loaded(older, storage)[1].fulls
    assert loaded(study, storage)[0].index is study.index
    fulls.record(RunFacts(setup=setup_of(older).as_json()))
    again, _ = loaded(study, storage)
    draws = [one.tiers[0].band.draw(50, rng=np.random.default_rng(0)).points for one in (older, again, study)]
    assert (draws[0] == draws[1]).all()
    assert (draws[1] != draws[2]).any()


def test_trials_of_another_making_are_not_adopted(storage):
    StudyStore(storage, "s/r3", prepared().ranges)
    with pytest.raises(StudyMismatchError, match="another version"):
        loaded(prepared(), storage)


def test_a_recipe_with_statistics_of_its_own_is_the_same_recipe_when_it_comes_back(storage, make_npz):
    study = prepared(data__dataset=str(make_npz()), full__recipe="paper200")
    for _ in range(2):
        loaded(study, storage)


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def study(runs, **changes):
    return prepared(output__dir=str(runs), search__trials=4, **changes)


@pytest.fixture
def old(runs):
    """A search with all of its short trainings, one of the longer ones and a full one."""
    asked = study(runs, proxy__rungs=[1, 3], output__name="old")
    with opened(asked) as run:
        run.ladder.fulls.record(RunFacts(drivers=({"command": "budgetnas search", "study": {}},)))
        for score in (0.5, 0.9, 0.7, 0.8):
            first(asked, run.ladder.first, score)
        longer = planned(asked, run.ladder, 0, decide(asked, run.ladder, 0))
        train(run.ladder.rungs[1].store, longer[0], 0.9)
        train(run.ladder.fulls, longer[0], 0.95)
        return run


def new(runs, old, **changes):
    words = {"output__name": "new", "full__epochs": 20, "proxy__from_run": str(runs / "old")}
    return study(runs, **{"proxy__rungs": [1, 3], **words, **changes})


def test_short_trainings_come_with_their_numbers_and_early_left_do_not(runs, old):
    asked = new(runs, old)
    before = (runs / "old" / "study.db").read_bytes()
    assert rehearsed(asked)[1].first.trials == old.ladder.first.trials
    assert not (runs / "new").exists()
    for _ in range(2):  # taken over once
        with opened(asked) as run:
            assert run.ladder.first.trials == old.ladder.first.trials
            assert run.ladder.rungs[1].store.trials == old.ladder.rungs[1].store.trials
            assert run.ladder.fulls.trials == []
            assert [tier.band.low for tier in run.prepared.tiers] == [tier.band.low for tier in old.prepared.tiers]
            taken = run.ladder.fulls.facts.taken
    assert (taken.source, taken.is_whole, taken.trainings) == ("old", True, {"r1": 4, "r3": 1})
    assert taken.drivers[0]["command"] == "budgetnas search"
    with opened(study(runs, proxy__rungs=[1, 3], output__name="new", full__epochs=20)) as run:
        assert len(run.ladder.first.trials) == 4, "it goes on without the key, too"
    assert (runs / "old" / "study.db").read_bytes() == before


def test_a_take_over_that_was_cut_off_goes_on(runs, old, monkeypatch):
    import optuna

    add, room = optuna.Study.add_trial, iter(range(2))

    def cut_off(self, trial):
        if next(room, None) is None:
            raise KeyboardInterrupt
        add(self, trial)

    monkeypatch.setattr(optuna.Study, "add_trial", cut_off)
    with pytest.raises(KeyboardInterrupt), opened(new(runs, old)):
        pass
    monkeypatch.undo()
    storage = open_storage(sqlite_url(runs / "new" / "study.db"))
    assert len(read_study(storage, "new/r1")[0]) == 2
    with opened(new(runs, old)) as run:
        assert run.ladder.first.trials == old.ladder.first.trials


def test_what_is_not_finished_and_all_after_it_stays_there(runs, old):
    with opened(study(runs, proxy__rungs=[1, 3], output__name="old")) as run:
        run.ladder.first.add(net(old.prepared, 30), state=TrialState.RUNNING, facts=TrialFacts())
        first(old.prepared, run.ladder.first, 0.3)
    with opened(new(runs, old)) as run:
        assert len(run.ladder.first.trials) == 4


def test_a_rung_of_a_length_of_its_own_begins_empty(runs, old):
    with opened(new(runs, old, proxy__rungs=[1, 2])) as run:
        assert [len(level.store.trials) for level in run.ladder.rungs] == [4, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"search__seed": 1},
            r"that search was started with .* \(search.seed was 0, is 1\): .* leave it out",
        ),
        ({"proxy__rungs": [2]}, r"proxy.rungs was \[1\], is \[2\]"),
        ({"proxy__from_run": "nowhere"}, "`nowhere/study.db` does not exist: give the folder of a run"),
    ],
)
def test_other_short_trainings_are_refused(runs, old, changes, said):
    with pytest.raises((StudyMismatchError, StorageError), match=said), opened(new(runs, old, **changes)):
        pass
    with opened(new(runs, old)) as run:
        assert len(run.ladder.first.trials) == 4, "nothing was begun"


def test_a_run_with_short_trainings_of_its_own_takes_none(runs, old):
    own = study(runs, proxy__rungs=[1, 3], output__name="new", full__epochs=20)
    with opened(own) as run:
        first(own, run.ladder.first, 0.5)
    with pytest.raises(StudyMismatchError, match=r"but `new` has its own short trainings"):
        rehearsed(new(runs, old))
    with opened(new(runs, old, output__name="third")):
        pass
    other = new(runs, old, output__name="third", proxy__from_run=str(runs / "new"))
    with pytest.raises(StudyMismatchError, match=r"but `third` has its short trainings from `old`"):
        rehearsed(other)


def test_short_trainings_of_an_older_version_come_with_their_recipe(runs, old, monkeypatch):
    fulls = StudyStore(old.storage, "old/full", old.prepared.ranges)
    younger = ("proxy.recipe.ema", "full.recipe.ema")
    recorded = {key: value for key, value in fulls.facts.identity.items() if key not in younger}
    fulls.record(RunFacts(identity={**recorded, "full.recipe.lr": 0.3}))
    monkeypatch.setattr(before, "BEFORE", {"recipe.ema": 0.9})
    for _ in range(2):
        with opened(new(runs, old)) as run:
            assert len(run.ladder.first.trials) == 4
            assert (run.prepared.proxy.ema, run.prepared.full.ema, run.prepared.full.lr) == (0.9, 0.0, 0.1)


def test_a_calibration_is_no_source(runs):
    asked = study(runs, output__name="old")
    with opened(replace(asked, kind=Kind.CALIBRATION)):
        pass
    with pytest.raises(StudyMismatchError, match=r"kind was 'calibration', is 'search'"):
        rehearsed(new(runs, asked, proxy__rungs=None))


def test_other_full_trainings_are_told_how_to_keep_the_short_ones(runs, old):
    with (
        pytest.raises(StudyMismatchError) as refused,
        opened(study(runs, proxy__rungs=[1, 3], output__name="old", full__epochs=20)),
    ):
        pass
    keep = f"or choose another `output.name` with `proxy.from_run={runs}/old`, which keeps the short trainings."
    assert str(refused.value).endswith(keep)
