from __future__ import annotations

import optuna
from optuna_dashboard import get_note
from small_studies import ladder_of, pace, prepared

from budgetnas.pipeline import progress as module
from budgetnas.pipeline.board import Board
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.progress import Everyone, Progress
from budgetnas.runs.costs import Cost


def progress(done, level="r3"):
    return Progress(level=level, done=done, total=10, best=0.5 if done else None, seconds_left=120 if done else None)


def test_the_note_holds_the_plan_and_then_how_far_every_level_is(storage, monkeypatch):
    study = prepared()
    ladder_of(study, storage)
    now = iter([0, 1, 20, 40, 40, 45, 45])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    note = lambda: get_note(optuna.load_study(study_name="s/r3", storage=storage))  # noqa: E731
    heard = Board(storage, "s/r3")
    cost = Cost(level="r3", trainings=3, epochs=9, images=100, seconds=3600)
    heard.planned(
        Plan(
            prepared=study,
            usual=pace(100),
            large=pace(100),
            costs=(cost,),
        )
    )
    assert note().startswith("# s is running")
    assert "- budget: 60,000 parameters" in note()
    assert "| short trainings of 3 epochs | 3 | 9 | 100 | 1.00 |" in note()
    assert "So far" not in note()
    heard.progressed(progress(0))
    assert "| short trainings of 3 epochs | 0 of 10 |" in note()
    heard.progressed(progress(3))
    assert "3 of 10" not in note(), "a note is not written more than twice a minute"
    heard.progressed(progress(5))
    assert "| short trainings of 3 epochs | 5 of 10 | 50.00 % | about 2 min |" in note()
    heard.progressed(progress(0, "full"))
    assert "| full trainings | 0 of 10 |" in note()


def test_everyone_hears_everything_in_order():
    heard = []

    class Ear:
        def __init__(self, name):
            self.name = name

        def planned(self, plan):
            heard.append((self.name, plan))

        def progressed(self, progress):
            heard.append((self.name, progress))

        def message(self, line):
            heard.append((self.name, line))

    everyone = Everyone(Ear("a"), Ear("b"))
    everyone.planned("plan")
    everyone.progressed("progress")
    everyone.message("news")
    assert heard == [(name, word) for word in ("plan", "progress", "news") for name in "ab"]
