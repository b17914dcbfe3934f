from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.facts import complete
from budgetnas.reports.parallel import parallel_caption, parallel_figure, round_ticks

BOTTOM, TOP = 350, 70


def read(facts):
    """Return the names of the axes, the ticks, and of each line its element and its heights at the axes."""
    root = ElementTree.fromstring(parallel_figure(facts))
    texts = root.findall("text")
    heads = [text.text for text in texts if text.get("class") == "head"]
    ticks = [text.text for text in texts if text.get("class") == "tick"]
    lines = []
    for path in root.findall("path"):
        first, *steps = (int(n) for n in re.findall(r"[ M]-?\d+ (-?\d+)|l\d+ (-?\d+)", path.get("d")) for n in n if n)
        heights = [first]
        for step in steps:
            heights.append(heights[-1] + step)
        lines.append((path, heights))
    return heads, ticks, lines


def with_specs(facts, *specs):
    trials = complete(facts)[: len(specs)]
    trials = [replace(t, candidate=replace(t.candidate, spec=s)) for t, s in zip(trials, specs, strict=True)]
    return replace(facts, trials=trials)


def test_what_never_varies_is_left_out_and_absent_stages_are_0(facts):
    facts = with_specs(facts, ResNetSpec(blocks=(2, 1), widths=(16, 32)), ResNetSpec(blocks=(2,), widths=(16,)))
    heads, _, lines = read(facts)
    assert heads == ["stages", "blocks 2", "width 2", "params", "MACs", "score, %"]
    assert len(lines) == 2
    for trial in facts.trials:
        (heights,) = (heights for path, heights in lines if path[0].text.startswith(f"trial {trial.number}:"))
        assert heights[:3] == [TOP if len(trial.candidate.spec.blocks) == 2 else BOTTOM] * 3


def test_each_line_says_its_network_and_the_best_is_on_top_in_the_last_colour(facts):
    facts = replace(facts, winner=None)
    _, _, lines = read(facts)
    ranked = sorted(complete(facts), key=lambda trial: trial.score)
    assert [path[0].text for path, _ in lines] == [
        f"trial {trial.number}: {trial.candidate.spec.id}, {100 * trial.score:.2f} %" for trial in ranked
    ]
    colours = [path.get("stroke") for path, _ in lines]
    assert (colours[0], colours[-1]) == ("#8b95a5", "#ea580c")
    assert len(set(colours)) == len(colours)
    assert [heights[-1] for _, heights in lines] == sorted((h[-1] for _, h in lines), reverse=True)


def test_a_failed_training_changes_the_colour_of_no_other_and_is_at_the_end_of_its_axis(facts):
    worst = min(complete(facts), key=lambda trial: trial.score).number
    failed = replace(facts, trials=[replace(t, score=0.1) if t.number == worst else t for t in facts.trials])
    before, after = read(facts)[2], read(failed)[2]
    assert [path.get("stroke") for path, _ in before] == [path.get("stroke") for path, _ in after]
    assert after[0][1][-1] == BOTTOM
    assert after[1][1][-1] < BOTTOM
    assert " 1 below " in parallel_caption(failed)
    assert "below" not in parallel_caption(facts)


def test_the_winner_is_bold_above_all(facts):
    _, _, lines = read(facts)
    assert [path.get("class") for path, _ in lines] == ["line"] * (len(lines) - 1) + ["line winner"]
    assert lines[-1][0][0].text.startswith(f"trial {facts.winner}:")


def test_whole_numbers_have_ticks_at_whole_numbers(facts):
    specs = ResNetSpec(blocks=(1,), widths=(16,)), ResNetSpec(blocks=(4,), widths=(500,))
    _, ticks, _ = read(with_specs(facts, *specs))
    assert ticks[:8] == ["1", "2", "3", "4", "100", "200", "300", "400"]


@pytest.mark.parametrize(("low", "high", "ticks"), [(0, 10, 6), (4.21e6, 5e6, 4), (94.311, 94.36, 5), (0.1, 0.1, 0)])
def test_ticks_are_round_and_inside(low, high, ticks):
    found = round_ticks(low, high)
    assert len(found) == ticks
    assert all(low <= value <= high for value in found)


def test_a_thousand_lines_stay_small(facts):
    trials = [replace(trial, number=i) for i, trial in enumerate(complete(facts) * 17)]
    assert len(parallel_figure(replace(facts, trials=trials))) < 260 * len(trials)
