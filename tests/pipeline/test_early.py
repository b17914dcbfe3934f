"""Full trainings between the short ones, and the end of a hopeless search: real driver and storage, made-up scores."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain
from types import SimpleNamespace

import pytest
from small_studies import FACTS, first, ladder_of, prepared, train

from budgetnas.config.recorded import identity_then, study_then
from budgetnas.engine.protocol import EpochReport, Failed, Finished
from budgetnas.exceptions import BudgetNASError, UsageError
from budgetnas.pipeline.driver import Driver
from budgetnas.pipeline.early import early, early_scores
from budgetnas.pipeline.loop import Clock
from budgetnas.pipeline.progress import Listener
from budgetnas.pipeline.promote import planned, promotion
from budgetnas.pipeline.search import climb
from budgetnas.pipeline.work_left import is_done, why_stopped, work_left
from budgetnas.runs.settings import ALL_DONE, HOPELESS, Kind
from budgetnas.storage.study import copied
from budgetnas.training.tasks import FinishedTraining, LookTask
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState

TRIALS = 24


class Engine:
    """Ends its tasks in random order; a score is a function of network, seed and length of training.

    Args:
        capacity: trainings side by side.
        stop_after: events after which it is interrupted.
        fails: returns what befalls a full training, or None.
        full: returns the score of a full training.
        short: returns that of a short one.
    """

    def __init__(self, capacity=1, *, stop_after=None, fails=lambda task: None, full=None, short=None):
        self.capacity, self.ended, self._stop_after, self._fails = capacity, 0, stop_after, fails
        self._full, self._short, self._tasks, self._rng = full or score, short or score, {}, random.Random(capacity)

    def submit(self, key, task):
        self._tasks[key] = task

    def wait(self, timeout):
        if self.ended == self._stop_after:
            raise KeyboardInterrupt
        self.ended += 1
        key = self._rng.choice(sorted(self._tasks))
        task = self._tasks.pop(key)
        if isinstance(task, LookTask):
            return [Finished(key=key, result=Look(correct=300, images=359))]
        trouble = self._fails(task) if task.keep_weights else None
        if trouble:
            return [Failed(key=key, reason=trouble, diverged=trouble == "diverged")]
        found = self._full(task) if task.keep_weights else self._short(task)
        report = EpochReport(epoch=1, lr=0.1, train_loss=1.0, train_accuracy=0.5, accuracy=found, loss=1.0, seconds=0.1)
        weights = task.spec.id.encode() if task.keep_weights else None
        return [
            Finished(key=key, result=FinishedTraining(reports=(report,), seconds=0.1, images=10, weights=weights)),
        ]


def score(task):
    return 0.5 + sum(task.spec.blocks) / 100 + task.spec.widths[0] / 1000 + task.seed % 100 / 10_000


class Notes(Listener):
    def __init__(self):
        self.lines = []

    def message(self, line):
        self.lines.append(line)


def of(folder, **changes):
    words = {"search__trials": TRIALS, "full__promote": 7, "full__epochs": 3, "proxy__rungs": [3]}
    return prepared(output__dir=str(folder), **{**words, **changes})


STORAGES = {}


def ladder_in(study, folder):
    """Open the levels of a study as a new driver does; the storage of a folder stays in memory."""
    return ladder_of(study, STORAGES.setdefault(folder, copied(None, "s")))


def climbed(study, folder, engine=None, clock=lambda name: Clock(None), notes=None):
    ladder = ladder_in(study, folder)
    climb(study, ladder, Driver(store=ladder.fulls, engine=engine or Engine(), listener=notes or Notes(), clock=clock))
    return ladder


def table(ladder):
    trainings = [
        (level.name, one.number, one.candidate.spec.id, one.state, one.score, one.seed, one.root)
        for level in ladder.levels
        for one in level.store.trials
    ]
    facts = ladder.fulls.facts
    return trainings, facts.early, facts.promotions, facts.choices, facts.looks


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    study = of(folder)
    return study, climbed(study, folder)


def test_some_are_trained_between_and_most_are_left_for_the_end(alone):
    study, ladder = alone
    decided = ladder.fulls.facts.early
    assert decided
    assert all(int(number) % study.config.search.batch == 0 for number in decided)
    assert all(root < int(number) - study.config.search.batch for number, roots in decided.items() for root in roots)
    between = early(ladder)
    assert len(set(between)) == len(between) <= 5
    order = [trial.root for trial in ladder.fulls.trials]
    assert order[: len(between)] == between
    (chosen,) = ladder.fulls.facts.promotions.values()
    assert set(between) < set(chosen.best) == set(order)
    assert len(chosen.best) == 7
    assert early_scores(ladder) == {one.root: one.score for one in ladder.fulls.trials[: len(between)]}
    assert is_done(study, ladder)
    assert why_stopped(study, ladder) == ALL_DONE


def test_the_proposals_after_them_learn_from_them(alone, tmp_path):
    """Full trainings that turn the short ones round: the same proposals before the first of them, others after it."""
    _, ladder = alone
    other = climbed(of(tmp_path), tmp_path, Engine(full=lambda task: 1.1 - score(task)))
    mine, theirs = ([trial.candidate.spec.id for trial in one.first.trials] for one in (ladder, other))
    first_number = min(map(int, ladder.fulls.facts.early))
    assert next(iter(other.fulls.facts.early)) == str(first_number)
    assert mine[:first_number] == theirs[:first_number]
    assert mine[first_number:] != theirs[first_number:]


def test_two_workers_give_the_same_tables(alone, tmp_path):
    assert table(climbed(of(tmp_path), tmp_path, Engine(2))) == table(alone[1])


def stopped_again_and_again(study, folder, *, every, capacity=1, **words):
    """Interrupt a search after so many events, again and again, until it ends."""
    for _ in range(100):
        try:
            return climbed(study, folder, Engine(capacity, stop_after=every, **words))
        except KeyboardInterrupt:
            ladder = ladder_in(study, folder)
            if len(ladder.first.trials) < TRIALS:
                promoted = [one.numbers for one in (ladder.fulls.facts.promotions or {}).values()]
                decided = {*early(ladder), *chain.from_iterable(promoted)}
                assert {trial.root for trial in ladder.fulls.trials} <= decided, "recorded before they take effect"
    raise AssertionError("it does not end")


@pytest.mark.parametrize(("every", "capacity"), [(1, 1), (3, 2)])
def test_a_search_stopped_anywhere_goes_on_to_the_same_tables(alone, tmp_path, every, capacity):
    ladder = stopped_again_and_again(of(tmp_path), tmp_path, every=every, capacity=capacity)
    assert table(ladder) == table(alone[1])


class FailsOnce:
    """Fails the first full trainings, each network once, with a reason."""

    def __init__(self, reason, number):
        self.reason, self.number, self.seen = reason, number, []

    def __call__(self, task):
        if len(self.seen) == self.number or (task.spec, task.seed) in self.seen:
            return None
        self.seen.append((task.spec, task.seed))
        return self.reason


@pytest.mark.parametrize("reason", ["out of memory", "diverged"])
def test_an_early_one_that_fails_is_neither_decided_on_nor_awaited_again_and_has_its_turn_at_the_end(tmp_path, reason):
    study, fails = of(tmp_path), FailsOnce(reason, 2)
    ladder = stopped_again_and_again(study, tmp_path, every=2, fails=fails)
    between, fulls = early(ladder), ladder.fulls.trials
    assert len(set(between)) == len(between)
    failed = [trial for trial in fulls if trial.state is TrialState.FAIL]
    assert [trial.root for trial in failed] == between[:2]
    again = [trial for trial in fulls if trial.root in between[:2] and trial.state is TrialState.COMPLETE]
    assert len(again) == 2
    assert min(trial.number for trial in again) >= len(between), "after the early ones"
    assert ({one.seed for one in failed} == {one.seed for one in again}) == (reason != "diverged")
    assert is_done(study, ladder)
    assert table(climbed(of(tmp_path / "b"), tmp_path / "b", Engine(fails=FailsOnce(reason, 2)))) == table(ladder)


def test_where_all_of_them_fail_the_driver_stops_and_the_next_one_goes_on(tmp_path):
    study = of(tmp_path, full__promote=12, full__epochs=1)
    with pytest.raises(BudgetNASError, match="3 trainings in a row failed for the same reason"):
        climbed(study, tmp_path, Engine(fails=lambda task: "out of memory"))
    assert len(ladder_in(study, tmp_path).first.trials) < TRIALS
    ladder = climbed(study, tmp_path)
    assert len(set(early(ladder))) == len(early(ladder))
    assert is_done(study, ladder)


@pytest.mark.parametrize(
    "changes",
    [
        {"full__start": "last"},
        {"search__model": "per_rung"},
        {"search__sampler": "random"},
        {"proxy__rungs": [1, 3]},
        {"budget__tiers": ["30k", "60k"], "budget__max_params": None},
        {"kind": Kind.CALIBRATION},
    ],
    ids=["last", "model", "sampler", "rungs", "tiers", "calibration"],
)
def test_other_studies_train_them_last(tmp_path, changes):
    assert of(tmp_path).is_by_gain
    assert not of(tmp_path, **changes).is_by_gain


def test_a_study_that_trains_them_last_decides_on_none(alone, tmp_path):
    study = of(tmp_path, full__start="last", search__trials=16)
    ladder = climbed(study, tmp_path)
    assert ladder.fulls.facts.early is None
    assert len(ladder.fulls.trials) == 7
    before = min(map(int, alone[1].fulls.facts.early))
    mine, theirs = ([one.candidate.spec.id for one in one.first.trials[:before]] for one in (ladder, alone[1]))
    assert mine == theirs


def test_a_run_that_is_older_than_the_keys_keeps_what_it_did():
    then = study_then({"full": {"promote": 5}, "search": {"trials": 20}})
    assert then["full"] == {"promote": 5, "start": "last", "finals": "equal"}
    assert then["search"]["stop"] == "trials"
    assert identity_then({"kind": "search"})["full.start"] == "last"


def test_where_the_hours_of_the_short_ones_are_over_the_early_ones_are_trained_with_the_others(alone, tmp_path):
    study, engine = of(tmp_path), Engine()
    number = min(map(int, alone[1].fulls.facts.early))
    over = SimpleNamespace(is_over=property(lambda _: engine.ended > number))
    short = type("Hours", (), {"is_over": over.is_over})()
    ladder = climbed(study, tmp_path, engine, clock=lambda name: short if name == "r3" else Clock(None))
    assert len(ladder.first.trials) == number
    between, order = early(ladder), [trial.root for trial in ladder.fulls.trials]
    assert order[0] == between[0]
    assert set(between) < set(order)
    assert len(order) == 7
    later = climbed(study, tmp_path)
    assert is_done(study, later)
    assert len(later.first.trials) == TRIALS
    assert set(between) <= set(early(later))


def known(folder, scores=12, decided=(3, 5), **changes):
    """Make a study with short trainings, of which some were decided on early."""
    study = of(folder, search__trials=scores, **changes)
    ladder = ladder_in(study, folder)
    for i in range(scores):
        first(study, ladder.first, 0.5 + 0.01 * i)
    ladder.fulls.record(RunFacts(early={"8": decided}))
    return study, ladder


def with_full(study, **changes):
    return replace(study, config=replace(study.config, full=replace(study.config.full, **changes)))


def train_full(ladder, number, score):
    one = ladder.first.trials[number]
    trial = ladder.fulls.add(one.candidate, state=TrialState.RUNNING, facts=TrialFacts(parent=number, repeat=0, seed=7))
    ladder.fulls.finish(trial.number, score, FACTS)


def test_who_was_trained_early_is_promoted_and_fewer_others_are(tmp_path):
    study, ladder = known(tmp_path, full__promote=4)
    train_full(ladder, 3, 0.9)
    best = promotion(study, ladder, 0).best
    assert len(best) == 4
    assert {3, 5} < set(best), "5 has not ended: it is promoted to be trained"
    assert work_left(study, ladder)["full"] == 3
    assert len(promotion(with_full(study, promote=6), ladder, 0).best) == 6
    assert promotion(with_full(study, promote=1), ladder, 0).best in ((3, 5), (5, 3)), "nothing is left to choose"
    assert {one.parent for one in planned(study, ladder, 0, promotion(with_full(study, promote=1), ladder, 0))} == {
        3,
        5,
    }


def test_what_full_trainings_show_decides_who_else_is_promoted(tmp_path):
    """Narrow networks do better in full trainings, wide ones in short ones."""
    numbers = (0, 2, 4, 6, 8, 10)
    study, ladder = known(tmp_path, 24, numbers, full__promote=9)
    for number in numbers:
        train_full(ladder, number, 0.9 - 0.01 * number)
    others = set(promotion(study, ladder, 0).best) - set(numbers)
    assert len(others) == 3
    assert max(others) < 12
    assert min(promotion(study, ladder_without(study, ladder, tmp_path / "b"), 0).best) > 12


def ladder_without(study, ladder, folder):
    """Return the same short trainings without a full one."""
    fresh = ladder_in(study, folder)
    for trial in ladder.first.trials:
        first(study, fresh.first, trial.score)
    return fresh


def test_a_rung_that_is_added_later_decides_by_its_own_scores(tmp_path):
    _, ladder = known(tmp_path, full__promote=2)
    train_full(ladder, 3, 0.9)
    longer = of(tmp_path, search__trials=12, full__promote=2, proxy__rungs=[3, 5])
    ladder = ladder_in(longer, tmp_path)
    for one in planned(longer, ladder, 0, promotion(longer, ladder, 0)):
        train(ladder.rungs[1].store, one, 1 - one.parent / 100)
    chosen = promotion(longer, ladder, 1)
    assert chosen.best == (8, 9), "the best of the longer rung, which turns the short one round"
    assert {one.parent for one in planned(longer, ladder, 1, chosen)} == {3, 8, 9}


HOPE = {"search__stop": "hopeless", "evidence__controls": True, "evidence__control_repeats": 3,
        "evidence__control_networks": ["random"]}  # fmt: skip


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """A search among networks that hardly differ, so that no gain can be shown."""
    folder, notes = tmp_path_factory.mktemp("hopeless"), Notes()
    study = of(folder, **HOPE)
    return study, climbed(study, folder, notes=notes), notes


def test_a_hopeless_search_ends_and_says_so(hopeless):
    study, ladder, notes = hopeless
    assert len(ladder.first.trials) < TRIALS
    assert ladder.first.facts.hopeless is True
    assert work_left(study, ladder) == {"r3": 0, "full": 0, "controls": 0}
    assert why_stopped(study, ladder) == HOPELESS
    (said,) = [line for line in notes.lines if "unlikely" in line]
    assert said == (
        "A new network is unlikely (below 20 %) to be shown better than the best one: no more short trainings start."
    )


def test_a_hopeless_search_resumed_has_the_same_result_and_may_be_continued(hopeless, tmp_path):
    _, ladder, _ = hopeless
    study = of(tmp_path, **HOPE)
    stopped = stopped_again_and_again(study, tmp_path, every=5, capacity=2)
    assert table(stopped) == table(ladder)
    assert table(climbed(study, tmp_path)) == table(ladder)
    on = of(tmp_path, **{**HOPE, "search__stop": "trials"})
    assert work_left(on, stopped)["r3"] == TRIALS - len(stopped.first.trials)
    finished = climbed(on, tmp_path)
    assert len(finished.first.trials) == TRIALS
    assert table(finished)[0][: len(stopped.first.trials)] == table(stopped)[0][: len(stopped.first.trials)]
    assert why_stopped(on, finished) == ALL_DONE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "add `evidence.controls=true` and `evidence.control_repeats=3`"),
        ({"evidence__controls": True, "evidence__control_repeats": 1}, "which gain can be shown"),
        ({**HOPE, "search__sampler": "evolution"}, "only the default sampler and model can tell"),
        ({**HOPE, "proxy__rungs": [1, 3]}, "one length of `proxy.rungs`"),
    ],
    ids=["no controls", "one seed", "sampler", "rungs"],
)
def test_a_stop_that_has_nothing_to_go_by_is_refused(tmp_path, changes, said):
    with pytest.raises(UsageError, match="is 'hopeless', but") as refused:
        of(tmp_path, **{"search__stop": "hopeless", **changes})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_study_of_a_calibration_may_name_it(tmp_path):
    assert of(tmp_path, search__stop="hopeless", kind=Kind.CALIBRATION).kind is Kind.CALIBRATION


def clear(task):
    """Scores that tell networks apart: many blocks help, luck hardly matters."""
    return 0.3 + 0.05 * len(task.spec.blocks) + 0.3 * (task.spec.widths[0] - 16) / 48 + task.seed % 100 / 10**6


def luck(task):
    return 0.5 + task.seed % 100 / 1000


@pytest.mark.parametrize("short", [clear, luck])
def test_it_is_said_where_the_promoted_cannot_be_told_apart(tmp_path, short):
    notes, study = Notes(), of(tmp_path, search__sampler="random", full__promote=12)
    ladder = climbed(study, tmp_path, Engine(short=short), notes=notes)
    (promoted,) = ladder.fulls.facts.promotions.values()
    told = [line for line in notes.lines if "cannot be told apart" in line]
    assert (promoted.spread < 1) == (short is luck)
    assert len(told) == (short is luck)
    assert all(line.startswith("NOTE: the 12 networks that were promoted for their scores cannot") for line in told)
    assert promotion(study, ladder, 0) == promoted
