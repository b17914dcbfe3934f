from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from html.parser import HTMLParser

import pytest
from made import NOT_TESTED, made_facts

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.reports.facts import complete
from budgetnas.reports.page import report_page
from budgetnas.reports.plotly_script import plotly_script
from budgetnas.text import Table
from budgetnas.trials.facts import TrialFacts

FIGURES = (
    "params", "macs", "curves", "progress", "scores", "parallel", "importance", "winner", "confusion-validation",
    "confusion-test", "fidelity", "controls",
)  # fmt: skip
LARGEST = 3_000_000  # bytes of a page of 1,000 trials
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Outline(HTMLParser):
    """Reads the elements of a page, and that each is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.words, self.heads = [], [], [], [], []
        self.links, self.sections = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        own = dict(attrs)
        self.ids += [own["id"]] if "id" in own else []
        self.links += [own["href"]] if tag == "a" else []
        self.sections += [own["id"]] if tag == "section" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.heads.append(data)


def read(page):
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


def own(page):
    """The page without plotly's script."""
    return page.replace(plotly_script(), "")


def part_of(page, name):
    """The content of a section."""
    return page.partition(f'id="section-{name}"')[2].partition("</section>")[0]


COSTS_OF_BANDS = ["params", "bytes"]  # no user writes these


def poisoned(value, poison):
    """Replace every string that a user may have written, at any depth."""
    if isinstance(value, Enum | ResNetSpec | DataShape) or value in COSTS_OF_BANDS:
        return value
    if isinstance(value, str):
        return poison
    if is_dataclass(value):
        return replace(value, **{f.name: poisoned(getattr(value, f.name), poison) for f in fields(value)})
    if isinstance(value, dict):
        return {key: poisoned(one, poison) for key, one in value.items()}
    return type(value)(poisoned(one, poison) for one in value) if isinstance(value, list | tuple) else value


@pytest.fixture(scope="module")
def page(facts):
    return report_page(facts)


def test_the_sections_follow_one_another_with_every_figure_once(page):
    outline = read(page)
    assert outline.heads == [
        "Fidelity and controls",
        "The winner",
        "Which classes the winner takes for which",
        "What was searched",
        "Other costs",
        "The course of the search",
        "Learning curves",
        "All networks at once",
        "What mattered",
        "The models of Pei et al.",
        "All trials",
        "Run it again",
    ]
    assert sorted(name for name in outline.ids if name in FIGURES) == sorted(FIGURES)
    assert outline.links == [f"#{name}" for name in outline.ids if name in outline.sections[1:]]
    assert len(set(outline.ids)) == len(outline.ids)


def test_the_page_says_what_the_facts_say(facts, page):
    words = " ".join(read(page).words)
    said = [
        *facts.remarks,
        facts.verdict,
        facts.command,
        *facts.warnings,
        *(word for line in (*facts.lines, *facts.about) for word in line),
        *(word for tile in facts.tiles for word in (tile.name, tile.value, tile.note)),
        facts.next_step.words,
        facts.next_step.command,
    ]
    for table in facts.tables.values():
        said += [table.title, *table.columns, *table.notes, *(cell for row in table.rows for cell in row)]
    said += [reference.note for reference in facts.references]
    said += [f"{reference.accuracy:.2f} % (reported)" for reference in facts.references]
    for word in said:
        assert word in words, word
    assert "Not measured here" in words


def test_an_untested_result_looks_different(facts, page):
    assert 'class="verdict"' in page
    untested = report_page(replace(facts, verdict=NOT_TESTED, is_tested=False))
    assert 'class="verdict untested"' in untested
    assert 'class="verdict"' not in untested


@pytest.mark.parametrize("poison", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></script>&'"])
def test_whatever_a_user_wrote_adds_no_element(facts, poison):
    hostile, tame = (replace(poisoned(facts, word), dataset="cifar10") for word in (poison, "="))
    pages = [report_page(one) for one in (hostile, tame)]
    assert read(pages[0]).tags == read(pages[1]).tags
    assert poison in " ".join(read(pages[0]).words)
    assert poison not in pages[0]


@pytest.mark.parametrize("poison", ["<script>alert(1)</script>", "</script><b>"])
def test_names_of_rungs_and_origins_are_text_in_figures_too(facts, poison):
    trials = [
        replace(t, candidate=replace(t.candidate, origin=poison), facts=TrialFacts(seeded=True)) for t in facts.trials
    ]
    page = report_page(replace(facts, trials=trials, rungs={poison: trials}, pairs={poison: [(0.8, 0.9)]}))
    assert poison not in own(page)
    assert "&lt;" in own(page)


def test_the_paper_is_pei_et_al_and_the_report_is_this_page(page):
    words = " ".join(read(page).words)
    assert "(Kaiyu Pei, Keng-Ming Chang and Jincheng Tian, Deep Learning Mini-Project, New York University)" in words
    assert re.search(r"\bthe report\b", words, re.IGNORECASE) is None


def test_networks_to_be_tried_first_that_are_over_the_cap_have_no_row(facts, page):
    left_out = [trial for trial in facts.trials if trial.facts.reason]
    assert [trial.candidate.origin for trial in left_out] == ["model2"]
    rows = read(part_of(page, "trials").partition(">")[2]).tags
    assert sum(tag == "tr" for tag, _ in rows) == len(facts.trials)  # one of them is the head
    assert "Models tried first that are over a cap are only in trials.csv." in page
    assert "in trials.csv only" not in report_page(replace(facts, trials=complete(facts)))


def test_the_page_needs_nothing_from_outside(page):
    assert page.count("<script>") == page.count("</script>")
    assert "http" not in own(page)
    assert "@import" not in own(page)
    assert re.search(r"\b(src|href)\s*=(?!\"(data:,|#section-))", own(page)) is None
    assert re.search(r"url\(", own(page)) is None


def test_the_notice_stands_first_and_once(facts):
    page = report_page(replace(facts, dataset="digits", notice="only the flow"))
    assert page.index('class="notice">only the flow') < page.index('class="tiles"')
    assert page.count("only the flow") == 1
    assert 'class="notice"' not in report_page(replace(facts, warnings=()))


def test_the_first_screen_is_tiles_verdict_the_finalists_and_one_figure(facts):
    words = "which every finalist has a row in"
    finalists = Table(title="Full trainings", columns=("trial", "note"), rows=[("7", words)])
    first = part_of(report_page(replace(facts, tables={"finalists": finalists})), "result")
    said = (facts.verdict.split(" (")[0], facts.next_step.command, words, facts.remarks[0])
    order = ('class="tiles"', *said, 'id="params"')
    places = [first.index(word) for word in order]
    assert places == sorted(places)
    assert first.count("Plotly.newPlot") == 1
    settled = report_page(replace(facts, next_step=None))
    assert facts.next_step.command not in settled


def test_before_any_full_training_there_is_no_winner_and_no_importance(few):
    page = report_page(few)
    outline = read(page)
    assert "The winner" not in outline.heads
    assert any(word.startswith("Not estimated: this needs 10") for word in outline.words)
    assert [name for name in outline.ids if name in FIGURES] == [
        "params",
        "macs",
        "progress",
        "scores",
        "curves",
        "parallel",
    ]
    assert "Fidelity and controls" not in outline.heads
    assert '<svg class="net"' not in page


def test_before_any_training_there_is_no_figure_and_no_script_for_it(few):
    page = report_page(replace(few, trials=[], rungs={}, pairs={}, tables={}, references=()))
    assert len(page) < 20_000
    outline = read(page)
    assert not set(outline.ids) & set(FIGURES)
    assert outline.heads == ["What was searched", "What mattered", "Run it again"]
    assert few.headline in outline.words


def test_one_finished_trial_is_enough_for_a_page(few):
    outline = read(report_page(replace(few, trials=few.trials[:1], rungs={"r8": few.trials[:1]})))
    assert [name for name in outline.ids if name in FIGURES] == ["params", "macs", "curves"]
    assert "All networks at once" not in outline.heads


def test_one_network_in_full_is_no_comparison_and_an_empty_table_no_table(facts):
    empty = Table(title="Nothing", columns=("a", "b"), rows=[("x", "-")])
    told = Table(title="Too few", columns=("a", "b"), rows=[], notes=["10 are needed."])
    one = replace(facts, pairs={"r8": [(0.8, 0.9)], "r24": []}, tables={"costs": empty, "fidelity": told})
    outline = read(report_page(one))
    assert "fidelity" not in outline.ids
    assert "Nothing" not in outline.words
    assert {"Too few", "10 are needed."} <= set(outline.words)


def test_tables_stand_where_they_belong(facts):
    def table(title):
        return Table(title=title, columns=("a", "b"), rows=[("x", "1")])

    keys = ("tiers", "costs", "fidelity", "controls")
    page = report_page(replace(facts, tables={key: table(f"table of {key}") for key in keys}))
    for name, found in (("evidence", keys[2:]), ("searched", keys[:2])):
        assert [key for key in keys if f"table of {key}" in part_of(page, name)] == list(found)


def test_the_winner_is_drawn_with_its_ledger(facts, page):
    body = own(page)
    assert body.count('<svg class="net"') == 1
    spec = next(trial.candidate.spec for trial in facts.trials if trial.number == facts.winner)
    assert body.count('class="block"') == sum(spec.blocks)
    assert "<details><summary>Every layer</summary>" in body


def test_a_page_of_a_thousand_trials_stays_small():
    page = report_page(made_facts(1_000))
    assert page.count("<tr") > 1_000
    assert len(page.encode()) < LARGEST
    assert len(own(page).encode()) < 1_300_000
