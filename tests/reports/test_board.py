from __future__ import annotations

from dataclasses import replace

import pytest
from made import made_facts

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.board import LARGEST, board_figures, thin
from budgetnas.reports.cost import COSTS, cost_figure
from budgetnas.reports.facts import complete
from budgetnas.trials.facts import TrialFacts


@pytest.fixture(scope="module")
def many():
    return made_facts(10_000)


@pytest.fixture(scope="module")
def much(many):
    """As many trials with names as long as they get, a hundred of them trained in full over long."""
    spec = ResNetSpec(blocks=(1_000,) * 8, widths=tuple(range(65_529, 65_537)))
    trials = [replace(t, candidate=replace(t.candidate, spec=spec, origin="&" * 500)) for t in many.trials]
    trials = [replace(trial, facts=TrialFacts(seeded=True)) for trial in trials]
    final = next(iter(many.finals.values()))
    final = replace(final, curves=[dict.fromkeys(range(1, 1_001), 0.12345)] * 9)
    finals = {trial.number: final for trial in complete(many)[:100]}
    pairs = {f"r{i}": [(0.5 + j / 1e5, 0.6 + j / 1e5) for j in range(5_000)] for i in range(5)}
    return replace(many, trials=trials, finals=finals, winner=next(iter(finals)), pairs=pairs)


def test_every_figure_is_small_however_many_trials_there_are(many, much):
    for facts in (many, much):
        figures = board_figures(facts)
        assert list(figures) == ["params", "macs", "curves", "fidelity"]
        for figure in figures.values():
            assert len(figure.to_json()) < LARGEST
            assert len(figure.data) > 1


def test_a_title_says_what_was_left_out(many, facts):
    left_out = board_figures(many)
    assert "600 of 9,999 networks" in left_out["params"].layout.title.text
    assert "43 epochs of each" in left_out["curves"].layout.title.text
    assert "<br>" not in board_figures(facts)["params"].layout.title.text


@pytest.mark.parametrize("limit", [600, 75, 9])
def test_the_winner_the_best_and_the_front_are_kept(many, limit):
    less = thin(many, limit)
    numbers = {trial.number for trial in less.trials}
    assert many.winner in numbers
    assert many.winner in less.finals
    assert max(complete(many), key=lambda trial: trial.score).number in numbers
    assert len(numbers) <= 1.5 * limit
    if limit == 600:
        for cost in COSTS:
            fronts = [
                next(trace for trace in cost_figure(replace(f, finals={}), cost).data if "Pareto" in trace.name)
                for f in (many, less)
            ]
            assert fronts[0].y == fronts[1].y


def test_a_winner_that_is_not_among_the_best_is_kept_too(many):
    final = next(iter(many.finals.values()))
    trained = complete(many)[:100]
    finals = {trial.number: replace(final, score=0.9 + i / 1e4) for i, trial in enumerate(trained)}
    for winner in (trained[7].number, trained[8].number):
        less = thin(replace(many, finals=finals, winner=winner), 36)
        assert winner in less.finals
        assert winner in {trial.number for trial in less.trials}


def test_what_is_kept_is_spread_evenly(many):
    numbers = [trial.number for trial in thin(many, 600).trials]
    halves = sum(number < 5_000 for number in numbers)
    assert 0.4 < halves / len(numbers) < 0.6


def test_curves_are_those_of_full_trainings_and_of_the_best_20(many):
    figure = board_figures(many)["curves"]
    shown = {n for trace in figure.data if trace.legendgroup == "8 epochs" for n in trace.customdata or () if n}
    best = sorted(complete(many), key=lambda trial: -trial.score)[:20]
    assert shown == {trial.number for trial in best}
    full = {n for trace in figure.data if trace.legendgroup.startswith("full") for n in trace.customdata or () if n}
    assert full == set(many.finals)


def test_nothing_to_show_makes_no_figure(few):
    assert list(board_figures(few)) == ["params", "macs", "curves"]
    assert board_figures(replace(few, trials=[], rungs={})) == {}
