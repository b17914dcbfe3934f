from __future__ import annotations

from dataclasses import replace

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.facts import complete
from budgetnas.reports.figures import parallel_figure


def with_specs(facts, *specs):
    trials = complete(facts)[: len(specs)]
    return [replace(t, candidate=replace(t.candidate, spec=s)) for t, s in zip(trials, specs, strict=True)]


def dimensions(trials):
    return {dimension.label: list(dimension.values) for dimension in parallel_figure(trials).data[0].dimensions}


def test_what_never_varies_is_left_out_and_absent_stages_are_0(facts):
    two = ResNetSpec(blocks=(2, 1), widths=(16, 32)), ResNetSpec(blocks=(2,), widths=(16,))
    trials = sorted(with_specs(facts, *two), key=lambda trial: trial.score)
    found = dimensions(trials)
    assert list(found) == ["stages", "blocks 2", "width 2", "params", "MACs", "score, %"]
    assert found["blocks 2"] == [1 if len(trial.candidate.spec.blocks) == 2 else 0 for trial in trials]
    assert found["params"] == [trial.candidate.params for trial in trials]


def test_the_best_is_drawn_last_and_colour_is_the_score(facts):
    trials = complete(facts)
    line = parallel_figure(trials).data[0].line
    assert list(line.color) == sorted(line.color)
    assert line.cmax == round(100 * max(trial.score for trial in trials), 2)
    assert len(line.color) == len(trials)


def test_whole_numbers_have_ticks_at_whole_numbers(facts):
    specs = ResNetSpec(blocks=(1,), widths=(16,)), ResNetSpec(blocks=(4,), widths=(500,))
    blocks, width, *_ = parallel_figure(with_specs(facts, *specs)).data[0].dimensions
    assert list(blocks.tickvals) == [1, 2, 3, 4]
    assert width.tickvals is None
