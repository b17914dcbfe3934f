"""The short trainings with the best posterior mean and the best score, and their full trainings."""

from __future__ import annotations

from budgetnas.runs.result import SearchResult
from budgetnas.runs.settings import is_finished
from budgetnas.samplers.surrogate import FEWEST
from budgetnas.text import plural, write_percent
from budgetnas.trials.selection import promote, tied, within
from budgetnas.trials.trial import FULL, Trial, TrialState, complete, length_in_words


def recommended(result: SearchResult) -> tuple[Trial, Trial] | None:
    """Return the short trainings of the highest posterior mean and of the highest score; None where none fits."""
    found = within(result.trials, result.setup.budget)
    if not found:
        return None
    (trusted,) = promote(found, [result.trusted[trial.number] for trial in found], 1)
    (observed,) = promote(found, [trial.score or 0.0 for trial in found], 1)
    return trusted, observed


def recommendation(result: SearchResult) -> str:
    """Say which short training to trust, and why that is neither always the winner nor the one that scored highest."""
    found = recommended(result)
    if found is None:
        return f"none fits {result.setup.budget}" if complete(result.trials) else "none yet"
    trusted, observed = found
    highest = f"scored highest, {_score(observed)}{_equals(result, observed)}"
    if len(complete(result.trials)) < FEWEST:
        told = f"{_name(observed)}, {highest}; no posterior mean: that takes {FEWEST} short trainings"
        return f"{told}{_standing(result, observed)}"
    mean = f"has the highest posterior mean, {write_percent(result.trusted[trusted.number])} %"
    if trusted.number == observed.number:
        return f"{_name(trusted)}, {mean}, and {highest}{_standing(result, trusted)}"
    place = f"number {_place(result, observed)} of {len(result.trusted)}"
    return (
        f"{_name(trusted)}, {mean} (scored {_score(trusted)}){_standing(result, trusted)}. "
        f"{_name(observed).capitalize()}, {highest}, but its posterior mean, "
        f"{write_percent(result.trusted[observed.number])} %, is {place}{_standing(result, observed)}"
    )


def _standing(result: SearchResult, trial: Trial) -> str:
    """Say what became of a short training above its rung; nothing before that is decided."""
    parents = [finalist.parent for finalist in result.finalists]
    if trial.number in parents:
        return f"; after full training {_place_in_full(result, parents.index(trial.number))}"
    above = _highest(result, trial)
    if above is not None:
        runs = [run for run in result.levels.get(above, ()) if run.root == trial.number]
        if not complete(runs):
            training = "its full training" if above == FULL else f"its training of {length_in_words(above)}"
            has_failed = any(run.state is TrialState.FAIL for run in runs)
            return f"; {training} {'failed' if has_failed else 'has not finished'}"
    if not is_finished(result.stopped):
        return ""
    if above is None:
        return "; it was not promoted: the posterior mean decides, which discounts luck"
    return f"; it went up to {length_in_words(above)} and no further: the posterior mean after those decides"


def _highest(result: SearchResult, trial: Trial) -> str | None:
    """Return the highest level that a decision gave to a short training; None where none did."""
    promotions = (result.facts.promotions or {}).values()
    given = {one.to or FULL for one in promotions if trial.number in one.numbers}
    return next((level for level in (FULL, *reversed(result.rungs)) if level in given), None)


def _place_in_full(result: SearchResult, place: int) -> str:
    finalist, winner = result.finalists[place], result.finalists[0]
    if place == 0:
        return "it is the winner"
    own, best = (write_percent(one.score) for one in (finalist, winner))
    if finalist in tied(result.finalists):
        return f"it ties with the winner, trial {winner.parent}, at {own} %"
    of = len(result.finalists)
    return f"it is number {place + 1} of {of}, {own} %: the winner, trial {winner.parent}, has {best} %"


def _place(result: SearchResult, trial: Trial) -> int:
    """Return the place of a short training by posterior mean, from 1."""
    return 1 + sum(mean > result.trusted[trial.number] for mean in result.trusted.values())


def _equals(result: SearchResult, observed: Trial) -> str:
    others = sum(trial.score == observed.score for trial in complete(result.trials)) - 1
    return f" ({plural(others, 'other')} scored as much)" if others else ""


def _name(trial: Trial) -> str:
    return f"trial {trial.number}, {trial.candidate.spec.id}"


def _score(trial: Trial) -> str:
    return f"{write_percent(trial.score or 0.0)} %"
