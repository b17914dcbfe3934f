from __future__ import annotations

import io
import re

import pandas as pd
import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.records.trial import Candidate, Trial, TrialState
from budgetnas.report.facts import FinalScore, ReportFacts
from budgetnas.report.page import report_page
from budgetnas.report.table import trials_csv


@pytest.fixture
def facts():
    def trial(number, params, state, **attrs):
        spec = ResNetSpec(blocks=(number + 1,), widths=(16,))
        complete = state is TrialState.COMPLETE
        return Trial(
            number=number,
            candidate=Candidate(spec=spec, params=params, macs=7 * params, origin="random"),
            state=state,
            score=0.5 + number / 10 if complete else None,
            curve={1: 0.3, 2: 0.5} if complete else {},
            attrs=attrs,
        )

    return ReportFacts(
        title="a<script>alert(1)</script>",
        notice="only <b>a test</b>",
        dataset="own",
        max_params=1_000,
        trials=[
            trial(0, 1_200, TrialState.PRUNED, reason="200 parameters over the cap"),
            trial(1, 900, TrialState.COMPLETE, seeded=True),
            trial(2, 800, TrialState.COMPLETE),
            trial(3, 700, TrialState.FAIL, reason="<script>diverged"),
        ],
        trusted={1: 0.61, 2: 0.69},
        finals={2: FinalScore(score=0.9, repeats=2, test_accuracy=0.88, curves=[{1: 0.5, 2: 0.9}, {1: 0.4, 2: 0.9}])},
        command="budgetnas search --name 'a&b'",
        lines=[("data", "own <images>")],
        references=[("model5", "95.66 % reported")],
    )


def test_the_table_holds_every_trial_and_reads_back(facts):
    table = pd.read_csv(io.StringIO(trials_csv(facts)))
    assert list(table.state) == ["PRUNED", "COMPLETE", "COMPLETE", "FAIL"]
    assert table.score.tolist()[1:3] == [0.6, 0.7]
    assert table.loc[2, ["full_score", "full_repeats", "test_accuracy"]].tolist() == [0.9, 2, 0.88]
    assert table.utilisation[0] == 1.2
    assert table.reason[0] == "200 parameters over the cap"


def test_every_word_of_a_user_is_escaped(facts):
    page = report_page(facts, headline="<i>best</i>")
    for raw in ("<script>alert", "<b>a test", "<images>", "<script>diverged", "<i>best", "'a&b'"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "95.66 % reported" in page


def test_the_page_needs_nothing_from_outside(facts):
    page = report_page(facts, headline="best")
    assert page.count("Plotly.newPlot") >= 3
    assert re.search(r"<(script|img|iframe|link|source)\b[^>]*\b(src|href)\s*=\s*[\"']?(http|//)", page) is None
