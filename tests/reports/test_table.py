from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest

from budgetnas.reports.table import sortable_table, trials_csv, trials_table
from budgetnas.trials.trial import TrialState


def read(facts):
    return pd.read_csv(io.StringIO(trials_csv(facts)))


def test_the_columns_are_these(facts):
    assert list(trials_table(facts).columns) == [
        *("trial", "state", "origin", "spec", "blocks", "widths", "params", "utilisation", "macs"),
        *("score", "posterior_mean", "r24_score"),
        *("full_score", "full_sd", "full_repeats", "full_random", "test_accuracy", "test_sd"),
        *("seconds", "reason"),
    ]


def test_every_trial_is_a_row_that_reads_back(facts):
    table = read(facts)
    assert table.trial.tolist() == [trial.number for trial in facts.trials]
    assert table.spec.tolist() == [trial.candidate.spec.id for trial in facts.trials]
    assert table.score.dropna().tolist() == [trial.score for trial in facts.trials if trial.score is not None]
    pruned = table[table.state == "PRUNED"].squeeze()
    assert pruned.origin == "model2"
    assert pruned.utilisation == 5_139_018 / 5_000_000
    assert pruned.reason == "139,018 parameters over the cap"
    assert pd.isna(pruned.score)


def test_later_rungs_and_full_trainings_stand_in_the_row_that_they_came_from(facts):
    table = read(facts).set_index("trial")
    again = {trial.facts.parent: trial.score for trial in facts.rungs["r24"]}
    assert table.r24_score.dropna().to_dict() == again
    final = facts.finals[facts.winner]
    row = table.loc[facts.winner]
    assert row[["full_score", "full_sd"]].tolist() == pytest.approx([final.score, final.spread])
    assert row[["test_accuracy", "test_sd"]].tolist() == pytest.approx([final.test_accuracy, final.test_spread])
    assert table.full_repeats.dropna().tolist() == [3] * 5
    random = {number for number, final in facts.finals.items() if final.is_random}
    assert set(table.index[table.full_random == True]) == random  # noqa: E712
    assert table.full_random.notna().sum() == len(facts.finals)


def test_a_rung_that_failed_has_no_score(facts):
    again = [replace(trial, state=TrialState.FAIL, score=None) for trial in facts.rungs["r24"]]
    table = trials_table(replace(facts, rungs={"r8": facts.trials, "r24": again}))
    assert table.r24_score.isna().all()


def test_no_trials_make_an_empty_table(facts):
    table = trials_table(replace(facts, trials=[], rungs={}))
    assert len(table) == 0
    assert "r24_score" not in table


@pytest.fixture(scope="module")
def table(facts):
    return ElementTree.fromstring(sortable_table(facts))


def heads(table):
    return ["".join(head.itertext()) for head in table.iter("th")]


def column(table, name):
    """Return the cells of a column, by number of the trial."""
    i, number = heads(table).index(name), heads(table).index("trial")
    rows = [row.findall("td") for row in table.find("table/tbody")]
    return [row[i] for row in sorted(rows, key=lambda row: int(row[number].text))]


def test_the_columns_lead_from_the_network_to_its_test_accuracy(table):
    assert heads(table) == [
        *("trial", "origin", "spec", "params", "MACs", "score", "posterior mean", "r24 score"),
        *("full mean", "full sd", "repeats", "at random", "test", "test sd"),
        *("utilisation", "seconds", "state", "reason"),
    ]
    orders = dict(zip(heads(table), (head.get("aria-sort") for head in table.iter("th")), strict=True))
    assert orders == dict.fromkeys(orders, "none") | {"full mean": "descending"}
    assert all(head.find("button") is not None for head in table.iter("th"))


def test_numbers_carry_what_they_sort_by_and_empty_cells_nothing(facts, table):
    for cell, trial in zip(column(table, "params"), facts.trials, strict=True):
        assert cell.get("data-value") == str(trial.candidate.params)
        assert cell.text == f"{trial.candidate.params:,}"
    for cell, trial in zip(column(table, "score"), facts.trials, strict=True):
        if trial.score is None:
            assert (cell.get("data-value"), cell.text) == (None, None)
        else:
            assert float(cell.get("data-value")) == trial.score
            assert cell.text == f"{100 * trial.score:.2f}"
    assert {cell.get("data-value") for cell in column(table, "state")} == {None}
    assert {cell.text for cell in column(table, "at random")} == {None, "yes", "no"}


def test_what_full_training_reached_has_its_interval_and_sorts_by_its_mean(facts, table):
    for column_name, end, mean in (("full mean", "interval", "score"), ("test", "test_interval", "test_accuracy")):
        cells = column(table, column_name)
        for number, final in facts.finals.items():
            low, high = getattr(final, end)
            share = getattr(final, mean)
            assert cells[number].text == f"{100 * share:.2f} [{100 * low:.1f}, {100 * high:.1f}]"
            assert float(cells[number].get("data-value")) == pytest.approx(share, rel=1e-6)
        assert sum(cell.text is not None for cell in cells) == len(facts.finals)


def test_the_row_of_the_winner_is_marked(facts, table):
    rows = table.find("table/tbody").findall("tr")
    marked = [row.find("td").text for row in rows if row.get("class") == "winner"]
    assert marked == [str(facts.winner)]


def test_what_got_farthest_stands_first_and_then_the_better(facts, table):
    def reached(trial):
        full = facts.finals[trial.number].score if trial.number in facts.finals else -1
        again = {one.facts.parent: one.score for one in facts.rungs["r24"]}
        return full, again.get(trial.number, -1), -1 if trial.score is None else trial.score

    shown = [int(row.find("td").text) for row in table.find("table/tbody")]
    assert shown == [trial.number for trial in sorted(facts.trials, key=reached, reverse=True)]
    assert shown[-1] == next(trial.number for trial in facts.trials if trial.state is TrialState.PRUNED)


def test_nothing_at_random_has_no_column(facts):
    finals = {number: replace(final, is_random=False) for number, final in facts.finals.items()}
    assert "at random" not in heads(ElementTree.fromstring(sortable_table(replace(facts, finals=finals))))


def test_columns_without_a_value_are_left_out(few):
    table = ElementTree.fromstring(sortable_table(replace(few, trials=[few.trials[0]], trusted={})))
    assert heads(table) == ["trial", "origin", "spec", "params", "MACs", "score", "utilisation", "seconds", "state"]
