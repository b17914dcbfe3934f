from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import made_facts
from markdown_it import MarkdownIt

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.board import LARGEST, board_figures, note, thin
from budgetnas.reports.cost import cost_figure, costs
from budgetnas.reports.facts import complete
from budgetnas.text import Table, escaped
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
        for cost in costs(many):
            fronts = [
                next(trace for trace in cost_figure(f, cost).data if trace.name == "Pareto front of short trainings")
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
    named = [trace.name for trace in figure.data if trace.name and "3 seeds" in trace.name]
    assert len(named) == len(many.finals)


def test_nothing_to_show_makes_no_figure(few):
    assert list(board_figures(few)) == ["params", "macs", "curves"]
    assert board_figures(replace(few, trials=[], rungs={})) == {}


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def text_of(tokens):
    """Return the words that rendered Markdown shows, and the kinds of marks among them."""
    words, kinds = [], set()
    for token in tokens:
        for child in token.children or ():
            words.append(child.content if child.type == "text" else "")
            kinds.add(child.type)
    return "".join(words), kinds


@given(PRINTABLE)
@example("1. x")
@example("---")
@example("# x #")
@example("a | b \\| c")
@example("<script>&amp;</script>")
@example("![x](y) <http://a.b> `c` ~~d~~ [e]: f")
def test_a_word_is_shown_as_it_is_wherever_it_stands(text):
    shown = " ".join(text.split())
    words, kinds = text_of(MARKDOWN.parse(escaped(text)))
    assert words == shown
    assert kinds <= {"text", "text_special"}
    tokens = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {escaped(text)} | x |")
    assert [token.type for token in tokens].count("td_open") == 2
    assert text_of(tokens)[0] == f"ab{shown}x"


def test_no_address_becomes_a_link():
    assert escaped("www.a.org, http://b.org, x@c.org") == r"www\.a.org, http\://b.org, x\@c.org"


def test_the_note_says_headline_verdict_facts_and_tables(facts):
    html = MARKDOWN.render(note(facts))
    assert f"<h1>{facts.headline}</h1>" in html
    assert f"<p>{facts.verdict}</p>" in html
    assert all(f"<p>{remark}</p>" in html for remark in facts.remarks)
    assert "report.html compares them only among the networks that have the stage" in html
    assert html.count("<table>") == len(facts.tables) == 3
    assert "<td>the winner</td>" in html
    assert '<td style="text-align:right">0.40 [-0.20, 0.80]</td>' in html
    assert "<li>ended: all trials were done</li>" in html


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", "a|b\n\n# c", "[x](javascript:alert(1))", "</td><img src=x>"]
)
def test_nobody_can_put_markup_into_a_note(facts, bad):
    table = Table(title=bad, columns=(bad, bad), rows=[(bad, bad)], notes=(bad,))
    hostile = replace(
        facts, headline=bad, notice=bad, remarks=(bad,), verdict=bad, lines=[(bad, bad)], tables={"costs": table}
    )
    tame = replace(hostile, headline="x", notice="x", remarks=("x",), verdict="x", lines=[("x", "x")])
    tame = replace(tame, tables={"costs": Table(title="x", columns=("x", "x"), rows=[("x", "x")], notes=("x",))})
    kinds = [[token.type for token in MARKDOWN.parse(note(one))] for one in (hostile, tame)]
    assert kinds[0] == kinds[1]
    assert "<script" not in note(hostile)
    assert "<img" not in note(hostile)
