"""
A search from Python
====================

What ``budgetnas search`` does, as one call: keys of a study file in, the result out, and all files in ``runs/NAME``.
Workers are processes that import this file, so the call stands under ``if __name__ == "__main__"``. The numbers show
the flow and no more.
"""

from budgetnas.config.study import load_study
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.progress import Listener
from budgetnas.pipeline.search import search


class Foreword(Listener):
    """Say what will be trained, and nothing of its progress; a plain ``Listener()`` is silent."""

    def planned(self, plan: Plan) -> None:
        """Hear the plan, before anything trains."""
        for cost in plan.costs:
            print(f"{cost.level}: {cost.trainings} trainings, {cost.epochs} epochs")


KEYS = {
    "budget.max_params": "60k",
    "space.widths": [16, 64],
    "data.dataset": "digits",
    "search.trials": 6,
    "search.paper_models": False,
    "search.first_models": ["1x16-1x32-1x40"],  # what is to be beaten
    "proxy.rungs": [1],
    "full.promote": 2,
    "full.epochs": 3,
    "engine.device": "cpu",
    "output.name": "from-python",
}

if __name__ == "__main__":
    result = search(load_study(None, KEYS), Foreword(), command=["python", "08_search_from_python.py"])
    for place, net in enumerate(result.finalists, start=1):
        print(f"{place}. {net.candidate.spec.id:<16} {net.candidate.params:,} parameters, {net.score:.2%}")
    print(result.folder / "report.html")
