"""The loop of trials with an engine that trains nothing: order, resuming, failures."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.storages import InMemoryStorage

from budgetnas.budget import Budget
from budgetnas.config.study import load_study
from budgetnas.engine.protocol import EpochReport, Failed, Finished, Progressed
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import StudyLevel
from budgetnas.pipeline.loop import Clock, check_failures, end_of_level, run_trials
from budgetnas.pipeline.plan_lines import seed_lines
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.search import make_study_sampler
from budgetnas.pipeline.trial_source import ProposedTrials
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore, copied
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.tasks import FinishedTraining
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import TrialState

RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(16, 512))


class FakeEngine:
    """Finishes its tasks in random order; the score is a function of the architecture."""

    def __init__(self, capacity, *, seed=0, fails=lambda task: None, fatal=False, stop_after=None):
        self.capacity = capacity
        self._rng = random.Random(seed)
        self._tasks = {}
        self._fails, self._fatal, self._stop_after, self.done = fails, fatal, stop_after, 0

    def submit(self, key, task):
        assert key not in self._tasks
        assert len(self._tasks) < self.capacity
        self._tasks[key] = task

    def wait(self, timeout):
        if self.done == self._stop_after:
            raise KeyboardInterrupt
        key = self._rng.choice(sorted(self._tasks))
        task = self._tasks.pop(key)
        self.done += 1
        reason = self._fails(task)
        if reason:
            return [Failed(key=key, reason=reason, fatal=self._fatal)]
        score = sum(task.spec.blocks) / 40 + task.seed % 100 / 10_000
        report = EpochReport(epoch=1, lr=0.1, train_loss=1.0, train_accuracy=0.5, accuracy=score, loss=1.0, seconds=0.1)
        return [
            Progressed(key=key, report=report),
            Finished(key=key, result=FinishedTraining(reports=(report,), seconds=0.1, images=10, weights=None)),
        ]

    def close(self):
        pass


def storage_at(path):
    """The storage of a path: in memory, or in SQLite where it ends in .db. Another driver resumes what is there."""
    return open_storage(sqlite_url(path)) if path.suffix == ".db" else in_memory(path)


@cache
def in_memory(path):
    return InMemoryStorage()


@pytest.fixture(scope="module")
def prepared():
    words = {
        "budget.max_params": "300k",
        "search.trials": 16,
        "data.dataset": "digits",
        "engine.device": "cpu",
        "full.start": "last",
    }
    return prepare(load_study(None, words, []))


def source(prepared, store, *, folder=Path("nowhere"), **changes):
    words = {key: changes[key] for key in ("trials", "sampler", "over_budget") if key in changes}
    search = replace(prepared.config.search, **words)
    view = replace(prepared, config=replace(prepared.config, search=search))
    level = StudyLevel(
        name="r3",
        store=store,
        folder=folder,
        setting=view.setting,
        recipe=view.proxy,
        epochs=3,
        seed=search.seed,
        cap=view.cap,
        cost=view.cost,
        keeps_weights=False,
    )
    full = replace(level, name="full", store=StudyStore(copied(None, "s"), "s/full", RANGES))
    ladder = Ladder(rungs=(level,), full=full, controls=None)
    return ProposedTrials(view, ladder, make_study_sampler(view))


def table(store):
    return [(t.number, t.candidate.spec.id, t.state, t.score) for t in store.trials]


def run(prepared, path, engine, **changes):
    store = StudyStore(storage_at(path), "s/r3", RANGES)
    run_trials(source(prepared, store, **changes), engine, clock=Clock(changes.get("seconds")), tick=lambda: None)
    return store


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory):
    return table(run(prepared, tmp_path_factory.mktemp("u") / "study", FakeEngine(1)))


def test_models_come_first_and_the_over_budget_are_pruned_not_counted(undisturbed):
    states = [state for _, _, state, _ in undisturbed]
    assert states[:5] == [TrialState.PRUNED] * 5
    assert states[5:] == [TrialState.COMPLETE] * 16


def test_the_models_of_pei_et_al_obey_the_cap_on_macs_too(tmp_path):
    words = {"budget.max_params": "6M", "search.trials": 1, "data.dataset": "digits", "engine.device": "cpu"}
    study = prepare(load_study(None, {**words, "space.max_macs": "50M"}, []))
    assert {candidate.macs > 50_000_000 for candidate in study.seeds} == {True, False}
    store = run(study, tmp_path / "study", FakeEngine(1))
    for trial in store.trials:
        is_over = trial.candidate.macs > 50_000_000
        assert trial.state is (TrialState.PRUNED if is_over else TrialState.COMPLETE)
        assert str(trial.facts.reason or "").endswith("MACs over the cap") == is_over
    fitting = [net.origin for net in study.seeds if net.macs <= 50_000_000]
    assert [line.split()[0] for line in seed_lines(study)] == fitting


def test_named_models_are_the_first_trials_each_once_and_may_be_over_budget(tmp_path):
    words = {"budget.max_params": "300k", "search.trials": 4, "data.dataset": "digits", "engine.device": "cpu"}
    study = prepare(load_study(None, words, ["search.first_models=['resnet20', 'model5', 'resnet32']"]))
    assert [net.origin for net in study.seeds[5:]] == ["resnet20", "resnet32"]
    store = run(study, tmp_path / "study", FakeEngine(1))
    states = {trial.candidate.origin: trial.state for trial in store.trials[:7]}
    assert (states["resnet20"], states["resnet32"]) == (TrialState.COMPLETE, TrialState.PRUNED)
    assert {trial.candidate.origin for trial in store.trials[7:]} == {"thompson"}


@pytest.mark.parametrize("workers", [2, 3, 4, 7])
def test_neither_workers_nor_their_order_change_the_table(prepared, undisturbed, tmp_path, workers):
    assert table(run(prepared, tmp_path / "study", FakeEngine(workers, seed=workers))) == undisturbed


@pytest.mark.parametrize(
    ("sampler", "workers", "stop", "then"), [("evolution", 2, 3, 3), ("random", 4, 11, 1), ("tpe", 2, 3, 3)]
)
def test_every_sampler_gives_one_table_for_any_workers_and_stops(prepared, tmp_path, sampler, workers, stop, then):
    fails = lambda task: "diverged" if task.seed % 7 == 0 else None  # noqa: E731
    one = table(run(prepared, tmp_path / "one.db", FakeEngine(1, fails=fails), sampler=sampler))
    assert [state for _, _, state, _ in one].count(TrialState.COMPLETE) == 16
    path = tmp_path / "two.db"
    with pytest.raises(KeyboardInterrupt):
        run(prepared, path, FakeEngine(workers, seed=4, fails=fails, stop_after=stop), sampler=sampler)
    assert table(run(prepared, path, FakeEngine(then, fails=fails), sampler=sampler)) == one


def test_the_plain_way_prunes_records_and_counts_what_is_over_the_budget(prepared, tmp_path):
    words = {"sampler": "tpe", "over_budget": "prune"}
    roomy = Budget(max_params=5_000_000, max_macs=200_000_000)
    prepared = replace(prepared, tiers=(replace(prepared.tiers[-1], budget=roomy),))
    store = run(prepared, tmp_path / "one.db", FakeEngine(1), **words)
    proposed = [trial for trial in store.trials if not trial.facts.seeded]
    over = [trial for trial in proposed if trial.candidate.params > 5_000_000 or trial.candidate.macs > 200_000_000]
    seeded = [trial for trial in store.trials if trial.facts.seeded and trial.state is TrialState.COMPLETE]
    assert len(proposed) + len(seeded) == 16
    assert 4 < len(over) < len(proposed)
    assert {trial.state for trial in over} == {TrialState.PRUNED}
    assert all("over the cap" in trial.facts.reason for trial in over)
    path = tmp_path / "two.db"
    with pytest.raises(KeyboardInterrupt):
        run(prepared, path, FakeEngine(2, stop_after=1), **words)
    assert table(run(prepared, path, FakeEngine(4), **words)) == table(store)


@pytest.mark.parametrize("sampler", ["thompson", "random"])
def test_tiers_share_the_trials_and_give_one_table_too(tmp_path, sampler):
    words = {"budget.tiers": ["60k", "150k", "300k"], "search.trials": 16, "data.dataset": "digits"}
    tiered = prepare(load_study(None, {**words, "engine.device": "cpu", "search.paper_models": False}, []))
    one = run(tiered, tmp_path / "one.db", FakeEngine(1), sampler=sampler)
    per_tier = [
        sum(tier.band.low <= trial.candidate.params <= tier.budget.max_params for trial in one.trials)
        for tier in tiered.tiers
    ]
    assert sum(per_tier) >= 16
    assert min(per_tier) >= 5
    path = tmp_path / "two.db"
    with pytest.raises(KeyboardInterrupt):
        run(tiered, path, FakeEngine(3, stop_after=7), sampler=sampler)
    assert table(run(tiered, path, FakeEngine(2, seed=5), sampler=sampler)) == table(one)


@pytest.mark.parametrize("stop", [0, 1, 5, 9, 15])
def test_a_stopped_study_resumes_to_the_same_table(prepared, undisturbed, tmp_path, stop):
    path = tmp_path / "study.db"
    with pytest.raises(KeyboardInterrupt):
        run(prepared, path, FakeEngine(3, stop_after=stop))
    left = StudyStore(storage_at(path), "s/r3", RANGES).trials
    assert TrialState.RUNNING not in {trial.state for trial in left}
    assert table(run(prepared, path, FakeEngine(2, seed=9))) == undisturbed


def report_of(epoch):
    return EpochReport(
        epoch=epoch, lr=0.1, train_loss=1 / (3 * epoch), train_accuracy=0.5, accuracy=epoch / 10, loss=2 / epoch,
        seconds=0.1,
    )  # fmt: skip


class SlowEngine(FakeEngine):
    """Reports the epochs of one training one by one, and is interrupted, or ends it with the reports of all epochs."""

    def __init__(self, epochs, *, is_interrupted):
        super().__init__(1)
        self._epochs, self._is_interrupted = list(epochs), is_interrupted

    def wait(self, timeout):
        (key,) = self._tasks
        if self._epochs:
            return [Progressed(key=key, report=report_of(self._epochs.pop(0)))]
        if self._is_interrupted:
            raise KeyboardInterrupt
        del self._tasks[key]
        reports = tuple(map(report_of, (1, 2, 3)))
        return [Finished(key=key, result=FinishedTraining(reports=reports, seconds=0.3, images=30, weights=None))]


def test_a_training_that_is_interrupted_and_resumed_has_the_losses_of_all_its_epochs(prepared, tmp_path):
    study, path = prepared.with_paper_models(tried=False), tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        run(study, path, SlowEngine([1, 2], is_interrupted=True), trials=1)
    (left,) = StudyStore(storage_at(path), "s/r3", RANGES).trials
    assert (left.curve, left.facts.losses) == ({1: 0.1, 2: 0.2}, None)
    run(study, path, SlowEngine([3], is_interrupted=False), trials=1)
    (trial,) = StudyStore(storage_at(path), "s/r3", RANGES).trials
    assert trial.curve == {1: 0.1, 2: 0.2, 3: 0.3}
    assert trial.facts.losses == ((0.333333, 2.0), (0.166667, 1.0), (0.111111, 0.666667))
    assert (trial.facts.train_loss, trial.facts.loss) == (1 / 9, 2 / 3)


def test_more_trials_go_on_where_fewer_ended(prepared, undisturbed, tmp_path):
    path = tmp_path / "study"
    run(prepared, path, FakeEngine(2), trials=9)
    engine = FakeEngine(2)
    assert table(run(prepared, path, engine)) == undisturbed
    assert engine.done == 7


def test_a_failed_training_is_kept_with_its_reason_and_replaced(prepared, tmp_path):
    fails = lambda task: "diverged" if sum(task.spec.blocks) % 5 == 0 else None  # noqa: E731
    one = run(prepared, tmp_path / "one.db", FakeEngine(1, fails=fails))
    two = run(prepared, tmp_path / "two.db", FakeEngine(4, seed=3, fails=fails))
    states = [trial.state for trial in one.trials]
    assert states.count(TrialState.COMPLETE) == 16
    assert states.count(TrialState.FAIL) > 0
    assert {t.facts.reason for t in one.trials if t.state is TrialState.FAIL} == {"diverged"}
    assert table(one) == table(two)


def test_three_failures_alike_stop_the_search(prepared, tmp_path):
    with pytest.raises(BudgetNASError, match=r"3 trainings in a row failed for the same reason \(diverged\)"):
        run(prepared, tmp_path / "study", FakeEngine(2, fails=lambda task: "diverged"))


def test_a_search_that_was_stopped_by_failures_gets_a_new_chance(prepared, undisturbed, tmp_path):
    path = tmp_path / "study"
    with pytest.raises(BudgetNASError):
        run(prepared, path, FakeEngine(2, fails=lambda task: "out of memory"))
    store = run(prepared, path, FakeEngine(2))
    states = [trial.state for trial in store.trials]
    assert states.count(TrialState.COMPLETE) == 16
    assert states.count(TrialState.FAIL) in (3, 4)


def test_a_wrong_counter_or_changed_data_stop_everything_and_lose_nothing(prepared, undisturbed, tmp_path):
    path = tmp_path / "study"
    engine = FakeEngine(2, fails=lambda task: "the counter is wrong" if engine.done == 7 else None, fatal=True)
    with pytest.raises(BudgetNASError, match="the counter is wrong"):
        run(prepared, path, engine)
    assert table(run(prepared, path, FakeEngine(2))) == undisturbed


def test_many_different_failures_stop_the_search(prepared, tmp_path):
    with pytest.raises(BudgetNASError, match=r"trainings failed"):
        run(prepared, tmp_path / "study", FakeEngine(1, fails=lambda task: f"seed {task.seed}"))


def test_failures_are_judged_in_the_order_of_numbers():
    fail = SimpleNamespace(state=TrialState.FAIL, facts=TrialFacts(reason="x"))
    running = SimpleNamespace(state=TrialState.RUNNING, facts=TrialFacts())
    check_failures([fail, running, fail, fail])
    with pytest.raises(BudgetNASError):
        check_failures([fail, fail, fail])


def test_trials_left_by_an_earlier_driver_wait_for_hours_too(prepared, tmp_path):
    path = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        run(prepared, path, FakeEngine(3, stop_after=5))
    engine = FakeEngine(3)
    run(prepared, path, engine, seconds=0)
    assert engine.done == 0


def test_an_interrupt_in_the_middle_of_a_write_loses_nothing(prepared, undisturbed, tmp_path, monkeypatch):
    path = tmp_path / "study.db"
    refresh = StudyStore._refresh
    calls = iter(range(10**6))

    def interrupted(self, number):
        if next(calls) == 17:
            raise KeyboardInterrupt
        return refresh(self, number)

    monkeypatch.setattr(StudyStore, "_refresh", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(prepared, path, FakeEngine(2))
    assert table(run(prepared, path, FakeEngine(2))) == undisturbed


def test_no_training_starts_after_the_hours_are_over(prepared, tmp_path):
    assert run(prepared, tmp_path / "study", FakeEngine(1), seconds=0).trials == []


@pytest.mark.parametrize(
    ("elapsed", "after", "end"),
    [
        (0, 0, 100),  # the last level has all that is left
        (0, 30, 70),  # time for those above is left
        (0, 90, 50),  # but never more than half
        (0, 900, 50),  # also where the hours are far too few
        (60, 900, 80),  # half of what is left, for every level anew
        (80, 0, 100),
        (130, 10, 130),  # nothing is left
    ],
)
def test_every_level_has_its_share_of_the_hours(elapsed, after, end):
    assert end_of_level(100, elapsed=elapsed, after=after) == end


def test_a_training_under_way_has_its_own_states_and_what_a_killed_driver_left_of_them_is_removed(prepared, tmp_path):
    store = StudyStore(storage_at(tmp_path / "study"), "s/r3", RANGES)
    one = source(prepared, store, folder=tmp_path, trials=4)
    run_trials(one, FakeEngine(1), clock=Clock(None), tick=lambda: None)
    folders = {one.level.task(trial).checkpoint for trial in store.trials}
    assert len(folders) == len(store.trials)
    for folder in folders:
        Checkpoints(Path(folder)).save(1, {})
    assert len(list(tmp_path.glob("states/*/*.pt"))) == len(folders)
    run_trials(one, FakeEngine(1), clock=Clock(None), tick=lambda: None)
    assert list(tmp_path.glob("states/*")) == []
