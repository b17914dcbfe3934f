"""The result of a search in sentences: the headline, its caveats, and the network that short trainings recommend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from budgetnas.evidence.accuracy import is_luck
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.runs.result import SearchResult
from budgetnas.runs.settings import DataFacts, is_finished
from budgetnas.runs.trusted import cannot_be_told_apart
from budgetnas.samplers.surrogate import FEWEST
from budgetnas.text import listed, plural, write_percent
from budgetnas.trials.selection import Finalist, promote, tied, within
from budgetnas.trials.trial import FULL, Trial, TrialState, complete, in_words, length_in_words

_NEXT = (
    "Likely causes: too few steps for the recipe, a learning rate that is too high, or labels that do not match the "
    "images."
)


def chance_warning(
    scores: Sequence[tuple[str, float]], *, what: str, split: str, images: int, chance: float
) -> str | None:
    """Name the trainings whose last score is no further above chance than luck allows; None where there is none.

    Args:
        scores: names of trainings and their accuracies after the last epoch, in [0, 1].
        what: the trainings, in words.
        split: name of the split that was scored.
        images: of that split.
        chance: share of its most frequent class, the accuracy of one answer for all images.
    """
    at_chance = [
        f"{name} ({write_percent(score)} %)"
        for name, score in scores
        if is_luck(round(score * images), images, chance=chance)
    ]
    if not at_chance:
        return None
    return (
        f"{len(at_chance):,} of {len(scores):,} {what} ended at chance, or no further above it than luck allows "
        f"(one class for all {images:,} {split} images gets {write_percent(chance)} %): {listed(at_chance)}. {_NEXT}"
    )


def level_warnings(levels: Mapping[str, Sequence[Trial]], data: DataFacts) -> list[str]:
    """Name the finished trainings of a search or a calibration that ended at chance, in one line per level.

    Args:
        levels: trials by the name of their level.
        data: that scored them.
    """
    chance = 1 / data.shape.classes if data.chance is None else data.chance
    warnings = [
        chance_warning(
            [(_named(trial), trial.accuracy) for trial in complete(trials) if trial.accuracy is not None],
            what=in_words(level),
            split="validation",
            images=data.validation,
            chance=chance,
        )
        for level, trials in levels.items()
    ]
    return [warning for warning in warnings if warning]


def _named(trial: Trial) -> str:
    seed = "" if trial.facts.repeat is None else f" #{trial.facts.repeat}"
    return trial.candidate.spec.id + seed


def headline(result: SearchResult) -> str:
    """Return the result in one sentence, with the winner's accuracies over fresh seeds where it was trained again."""
    winner, setup = result.winner, result.setup
    if winner is None:
        return result.no_winner()
    fresh = result.fresh
    shown = fresh or result.accuracies_of(winner)
    score = setup.score
    tested = "not tested yet" if shown.test is None else f"{score.of('test')} {shown.test.write(' %')}"
    validation = f"{score.of('validation')} {shown.validation.write(' %')}, " if shown.validation else ""
    seeds = f"{plural(len(shown.seeds), 'training seed')} ({', '.join(map(str, shown.seeds))})"
    first = result.trials[winner.parent]
    name = f" ({first.candidate.origin})" if first.facts.seeded else ""
    alone = " that no choice has seen" if fresh else ""
    images = ", trained on training and validation images together" if fresh and result.facts.refit else ""
    return (
        f"{winner.candidate.spec.id}{name}: {winner.candidate.params:,} parameters "
        f"({setup.share(winner.candidate)}), {validation}"
        f"{tested} on {setup.data.name} over {seeds}{alone}{images}."
    )


def remarks(result: SearchResult) -> list[str]:
    """Return the caveats of the headline, a sentence or two each: a tie, a score that luck flatters, the brackets."""
    if result.winner is None:
        return []
    said = (
        tie(result.finalists, result.setup.data.validation, score=result.setup.score),
        _alike(result),
        _flattered(result, result.winner),
        result.setup.score.brackets,
    )
    return [remark for remark in said if remark]


def _alike(result: SearchResult) -> str:
    """Say that the promoted could not be told apart by their short trainings; "" where they could."""
    promotions = [one for one in (result.facts.promotions or {}).values() if (one.to or FULL) == FULL]
    alike = cannot_be_told_apart(promotions[-1]) if promotions else ""
    return alike[:1].upper() + alike[1:]


def tie(ranked: Sequence[Finalist], images: int, *, score: Score = ACCURACY) -> str:
    """Say that several finalists share the best score, and which was taken; "" where one is best alone.

    Args:
        ranked: finalists, the best first.
        images: of the validation split.
        score: of the study.
    """
    same = tied(ranked)
    if len(same) < 2:
        return ""
    first, second = same[:2]
    right = ""
    if score is ACCURACY and len({len(one.runs) for one in same}) == 1:  # else only their means are equal
        correct, seeds = sum(round(score * images) for score in first.scores), len(first.runs)
        over = f" over {seeds} seeds each" if seeds > 1 else ""
        right = f", {correct:,} of {seeds * images:,} right{over}"
    taken = "the smallest was taken"
    if first.candidate.params == second.candidate.params:
        taken += ", and of equally small ones the one that was proposed first"
    equal, split = score.write(first.score, unit=" %"), score.of("validation")
    return f"{len(same)} of {len(ranked)} networks tie at {equal} on {split}{right}; {taken}."


def _flattered(result: SearchResult, winner: Finalist) -> str:
    """Say that luck flatters the score by which the winner was chosen, and which accuracies it does not flatter."""
    chosen, among = result.accuracies_of(winner), len(result.finalists)
    score = result.setup.score
    best = f"the {score.highest if winner.trusted is None else 'best'} of {among}{by_rule(result.finalists)}"
    highest = f", {best}, so luck flatters it" if among > 1 else ""
    if result.fresh:
        over = f" over {len(chosen.seeds)} seeds" if len(chosen.seeds) > 1 else ""
        kept = "one of these trainings" if over else "this training"
        test = "" if chosen.test is None else f", with {chosen.test.write(' %')} on {score.of('test')}{over}"
        return (
            f"It was chosen by {chosen.scored.write(' %')} on {score.of('validation')}{over}{highest}; best/ holds "
            f"{kept}{test}."
        )
    if among < 2:
        return ""
    honest = ""
    if chosen.test is not None:
        honest = (
            f" Its test {score.words} was read after the choice, so it is not flattered, but another seed may score "
            f"{'lower' if score.is_share else 'higher'}."
        )
    return f"Its validation {score.words} is {best}, so luck flatters it.{honest}"


def recommended(result: SearchResult) -> tuple[Trial, Trial] | None:
    """Return the short trainings of the highest posterior mean and of the highest score; None where none fits."""
    fits = within(result.trials, result.setup.budget)
    if not fits:
        return None
    (trusted,) = promote(fits, [result.trusted[trial.number] for trial in fits], 1)
    (observed,) = promote(fits, [trial.score or 0.0 for trial in fits], 1)
    return trusted, observed


def recommendation(result: SearchResult) -> str:
    """Say which short training to trust, and why it may be neither the winner nor the one that scored highest."""
    both = recommended(result)
    if both is None:
        return f"none fits {result.setup.budget}" if complete(result.trials) else "none yet"
    trusted, observed = both
    score = result.setup.score
    highest = f"scored {score.highest}, {_score(result, observed)}{_equals(result, observed)}"
    if len(complete(result.trials)) < FEWEST:
        unknown = f"no posterior mean, which needs {FEWEST} short trainings"
        return f"{_name(observed)}, {highest}; {unknown}{_standing(result, observed)}"
    mean = f"has the {score.highest} posterior mean, {score.write(result.trusted[trusted.number], unit=' %')}"
    if trusted.number == observed.number:
        return f"{_name(trusted)}, {mean}, and {highest}{_standing(result, trusted)}"
    place = f"number {_place(result, observed)} of {len(result.trusted)}"
    return (
        f"{_name(trusted)}, {mean} (scored {_score(result, trusted)}){_standing(result, trusted)}. "
        f"{_name(observed).capitalize()}, {highest}, but its posterior mean, "
        f"{score.write(result.trusted[observed.number], unit=' %')}, is {place}{_standing(result, observed)}"
    )


def _standing(result: SearchResult, trial: Trial) -> str:
    """Say how far a short training was promoted, and its place there; "" before that is decided."""
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
        after = " after full training" if result.facts.early else ""
        return f"; it was not promoted: the posterior mean{after} decides, which discounts luck"
    return f"; it was promoted to {length_in_words(above)} and no further: the posterior mean after those decides"


def _highest(result: SearchResult, trial: Trial) -> str | None:
    """Return the highest level that a network of a short training was promoted to; None where it was not."""
    promotions = (result.facts.promotions or {}).values()
    reached = {one.to or FULL for one in promotions if trial.number in one.numbers}
    return next((level for level in (FULL, *reversed(result.rungs)) if level in reached), None)


def _place_in_full(result: SearchResult, place: int) -> str:
    finalist, winner = result.finalists[place], result.finalists[0]
    if place == 0:
        return "it is the winner"
    own, best = (_ranked_by(one, result.setup.score) for one in (finalist, winner))
    if finalist in tied(result.finalists):
        return f"it ties with the winner, trial {winner.parent}, at {own}"
    of = f"{len(result.finalists)}{by_rule(result.finalists)}"
    return f"it is number {place + 1} of {of}, {own}: the winner, trial {winner.parent}, has {best}"


def by_rule(ranked: Sequence[Finalist]) -> str:
    """Return " by posterior mean" where that decides between finalists, and " by mean score" where they are too few."""
    if ranked[0].trusted is None:
        return ""
    return " by posterior mean" if len(ranked) >= FEWEST else " by mean score"


def _ranked_by(finalist: Finalist, score: Score) -> str:
    """Write the score that decides, with its seeds where these differ."""
    if finalist.trusted is None:
        return score.write(finalist.score, unit=" %")
    return f"{score.write(finalist.trusted, unit=' %')} ({plural(finalist.seeds, 'seed')})"


def _place(result: SearchResult, trial: Trial) -> int:
    """Return the place of a short training by posterior mean, from 1."""
    return 1 + sum(mean > result.trusted[trial.number] for mean in result.trusted.values())


def _equals(result: SearchResult, observed: Trial) -> str:
    others = sum(trial.score == observed.score for trial in complete(result.trials)) - 1
    return f" (as did {plural(others, 'other')})" if others else ""


def _name(trial: Trial) -> str:
    return f"trial {trial.number}, {trial.candidate.spec.id}"


def _score(result: SearchResult, trial: Trial) -> str:
    return result.setup.score.write(trial.score or 0.0, unit=" %")
