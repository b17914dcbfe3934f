from __future__ import annotations

from dataclasses import replace

import pytest
from small_studies import pace

from budgetnas.cli import console
from budgetnas.config.study import load_study
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_lines import plan_lines, seed_lines
from budgetnas.pipeline.prepare import prepare
from budgetnas.runs.costs import Cost, cost_table
from budgetnas.text import Table


@pytest.fixture(scope="module")
def plan():
    words = {"budget.max_params": "300k", "data.dataset": "digits", "engine.device": "cpu"}
    prepared = prepare(load_study(None, words, []))
    return Plan(
        prepared=prepared,
        usual=pace(700),
        large=pace(700),
        costs=costs(500, 100),
    )


def costs(short, full):
    """Expected seconds of 100 short and 5 full trainings; the workers that train them are the machine's."""
    return tuple(
        Cost(level=level, trainings=trainings, epochs=1, images=1, seconds=seconds)
        for level, trainings, seconds in (("r3", 100, short), ("full", 5, full))
    )


def test_a_plan_of_hours_names_what_shortens_it(plan):
    one = replace(plan, prepared=with_workers(plan.prepared, 1))
    assert dict(plan_lines(one))["time"] == "about 10 min for all of it"
    time = dict(plan_lines(replace(one, costs=costs(500, 9_000))))["time"]
    assert time.startswith("about 2.6 h")
    for key in ("search.trials", "full.promote", "full.epochs", "data.subset", "engine.max_hours"):
        assert f"`{key}`" in time


def test_workers_share_the_time_and_the_last_round_may_leave_some_idle(plan):
    one, four = (replace(plan, prepared=with_workers(plan.prepared, workers)) for workers in (1, 4))
    assert one.wall_seconds(one.costs[1]) == pytest.approx(5 * 20.1), "the driver's share too"
    assert four.wall_seconds(four.costs[1]) == pytest.approx(40.2)
    assert four.seconds_after("r3") == pytest.approx(40.2)
    assert four.seconds_after("full") == 0


def with_workers(prepared, workers):
    return replace(prepared, config=replace(prepared.config, engine=replace(prepared.config.engine, workers=workers)))


def test_a_plan_says_what_every_level_costs_and_a_resumed_one_what_is_left(plan, capsys):
    from budgetnas.engine.protocol import Finished
    from budgetnas.pipeline.plan import make_plan
    from budgetnas.training.tasks import Timing

    class Timer:
        capacity = 1

        def submit(self, key, task):
            self.key = key

        def wait(self, timeout):
            timed = Timing(seconds_per_image=0.01, validation_seconds_per_image=0.003, start_seconds=0.0)
            return [Finished(key=self.key, result=timed)]

    whole = make_plan(plan.prepared, Timer(), left={"r3": 100, "full": 5})
    part = make_plan(plan.prepared, Timer(), left={"r3": 50, "full": 5}, is_resumed=True)
    assert part.costs[0].seconds == pytest.approx(whole.costs[0].seconds / 2)
    assert part.costs[1] == whole.costs[1]
    assert part.costs[1].images == 5 * 10 * len(plan.prepared.data.train)
    assert "for what is left" in dict(plan_lines(part))["time"]
    assert make_plan(plan.prepared, Timer(), left={"r3": 0, "full": 0}).costs[1].seconds == 0
    console.Console(as_json=False).planned(part)
    lines = capsys.readouterr().out.splitlines()
    (header,) = (
        i
        for i, line in enumerate(lines)
        if line.split() == ["level", "trainings", "epochs", "images", "device", "hours"]
    )
    assert lines[header + 1].startswith("short trainings of 3 epochs")
    assert lines[header + 3].startswith("in all")


def test_seeded_models_are_counted_for_the_report_and_for_the_data_at_hand(plan):
    assert seed_lines(plan.prepared) == [], "all of them are over the cap"
    over = f"{4_902_090 - plan.prepared.cap:,} parameters over the cap"
    assert dict(plan_lines(plan))["tried first"].endswith(f": the smallest, model1, is {over}")
    larger = prepare(
        load_study(None, {"budget.max_params": "5M", "data.dataset": "digits", "engine.device": "cpu"}, [])
    )
    lines = seed_lines(larger)
    assert [line.split()[0] for line in lines] == ["model1", "model3", "model4", "model5"]
    assert lines[0].endswith(" 4,903,242   4,902,090")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_loses_nothing_on_a_terminal_of_any_width(capsys, monkeypatch, width):
    from rich.console import Console as RichConsole

    table = Table(
        title="Beside controls",
        columns=("network", "architecture", "params", "gain, points"),
        rows=[("scaled ResNet-18 of 3 stages", "2x9-2x19-2x37-8x1024", "4,992,586", "-10.17 [-80.43, +60.10]")] * 2,
        notes=["A note."],
    )
    shown = console.Console(as_json=False)
    monkeypatch.setattr(shown, "_out", RichConsole(force_terminal=True, width=width, highlight=False, no_color=True))
    shown.show_table(table)
    text = " ".join(capsys.readouterr().out.split())
    for word in ("Beside controls", "4,992,586", "[-80.43, +60.10]", "2x9-2x19-2x37-8x1024", "A note."):
        assert word in text, text
    assert "…" not in text


def test_a_table_that_says_nothing_is_not_printed_but_its_notes_are(capsys):
    shown = console.Console(as_json=False)
    shown.show_table(Table(title="Nothing", columns=("a", "b"), rows=[("x", "")]))
    shown.show_table(Table(title="Costs", columns=("a", "b", "c"), rows=[("x", "", "1")], notes=["A note."]))
    shown.show_table(Table(title="Fidelity", columns=("a", "b"), rows=[], notes=["Too few."]))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == ["Costs", "a c", "x 1", "A note.", "Fidelity", "Too few."]


def test_a_level_without_trainings_and_a_sum_of_one_level_are_no_rows():
    parts = (Cost(level="r3", trainings=0, epochs=0, images=0, seconds=0), *costs(500, 100)[1:])
    found = cost_table(parts, title="left", device="cpu")
    assert [row[0] for row in found.rows] == ["full trainings"]
    assert len(cost_table(costs(500, 100), title="left", device="cpu").rows) == 3
    nothing = cost_table(parts[:1], title="left", device="cpu")
    assert (nothing.rows, nothing.notes) == ([], [])
