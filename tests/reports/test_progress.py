from __future__ import annotations

from dataclasses import replace

import pytest

from budgetnas.reports.facts import complete
from budgetnas.reports.progress import progress_caption, progress_figure, promoted, scores_caption, scores_figure
from budgetnas.reports.style import points


def named(figure, start):
    (trace,) = (trace for trace in figure.data if trace.name.startswith(start))
    return trace


def test_the_best_so_far_never_falls_and_ends_at_the_best(facts):
    figure = progress_figure(facts)
    trials = complete(facts)
    for name, values in (
        ("best observed", {trial.number: trial.score for trial in trials}),
        ("highest posterior", facts.trusted),
    ):
        trace = named(figure, name)
        assert list(trace.x) == sorted(values)
        assert list(trace.y) == [points(max(v for n, v in values.items() if n <= number)) for number in trace.x]


def test_promoted_are_those_that_a_later_rung_or_full_training_has(facts):
    raised = promoted(facts)
    assert raised == {trial.root for trial in facts.rungs["r24"]} | set(facts.finals)
    figure = progress_figure(facts)
    assert set(named(figure, "promoted").x) == raised
    assert set(named(figure, "short training").x) == {trial.number for trial in complete(facts)} - raised


def test_without_a_posterior_mean_only_what_was_observed_is_drawn(facts):
    bare = replace(facts, trusted={})
    assert not any(trace.name.startswith("highest") for trace in progress_figure(bare).data)
    assert "Posterior" not in progress_caption(bare)


def test_every_score_is_in_one_bar(facts):
    figure = scores_figure(facts)
    raised, trials = promoted(facts), complete(facts)
    assert sum(named(figure, "promoted").y) == len(raised)
    assert sum(named(figure, "not promoted").y) == len(trials) - len(raised)
    for trace in figure.data:
        assert len(trace.x) == len(set(trace.x))
        assert all(trace.y)


@pytest.mark.parametrize("score", [0.2, None])
def test_five_failed_trainings_do_not_squash_the_others(facts, score):
    failed = {trial.number for trial in complete(facts)[10:15]} if score else set()
    changed = replace(facts, trials=[replace(t, score=score) if t.number in failed else t for t in facts.trials])
    axes = progress_figure(changed).layout.yaxis.range, scores_figure(changed).layout.xaxis.range
    assert all((axis is not None and axis[0] > 80) if score else axis is None for axis in axes)
    for caption in (progress_caption(changed), scores_caption(changed)):
        assert (f"5 of {len(complete(facts))} scores, below" in caption) is bool(score)
    assert sum(sum(trace.y) for trace in scores_figure(changed).data) == len(complete(facts))


def test_equal_scores_are_one_bar(facts):
    figure = scores_figure(replace(facts, trials=[replace(t, score=0.5) for t in complete(facts)], rungs={}, finals={}))
    assert [list(trace.x) for trace in figure.data] == [[50.5]]
