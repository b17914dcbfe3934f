"""
A search from Python
====================

What ``budgetnas search`` does, as one call: options and keys of a study file in, the result out, and all files in
``runs/NAME``. The same call resumes a search that was stopped. It works in a notebook, and a script needs no ``if
__name__ == "__main__"`` for it. It is a smoke test: the numbers mean nothing.
"""

import budgetnas


class Foreword(budgetnas.Listener):
    """Say what will be trained, and nothing of its progress; without a listener a search is silent."""

    def planned(self, plan) -> None:
        """Hear the plan, before anything trains."""
        for cost in plan.costs:
            print(f"{cost.level}: {cost.trainings} trainings, {cost.epochs} epochs")


result = budgetnas.search(
    max_params="60k",
    dataset="digits",
    trials=6,
    promote=2,
    full_epochs=3,
    paper_models=False,
    device="cpu",
    name="from-python",
    settings={
        "space.widths": [16, 64],
        "search.first_models": ["1x16-1x32-1x40"],  # what is to be beaten
        "proxy.rungs": [1],
    },
    listener=Foreword(),
)
for place, net in enumerate(result.finalists, start=1):
    print(f"{place}. {net.candidate.spec.id:<16} {net.candidate.params:,} parameters, {net.score:.2%}")

# %%
# A result shows itself in a line, in a notebook as a small table.

print(result)
