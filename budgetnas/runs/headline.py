"""The result of a search in one sentence, and its caveats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from budgetnas.evidence.accuracy import BRACKETS, is_luck
from budgetnas.runs.result import SearchResult
from budgetnas.runs.settings import DataFacts
from budgetnas.text import listed, plural, write_percent
from budgetnas.trials.levels import complete, in_words
from budgetnas.trials.selection import Finalist, tied
from budgetnas.trials.trial import Trial

_NEXT = (
    "Likely causes: too few steps for the recipe, a learning rate that is too high, or labels that do not match the "
    "images."
)


def chance_warning(
    scores: Sequence[tuple[str, float]], *, what: str, split: str, images: int, chance: float
) -> str | None:
    """Name the trainings whose last score is no further above chance than luck allows; None where there is none.

    Args:
        scores: the names of trainings and their accuracies after the last epoch, in [0, 1].
        what: all of them, in words.
        split: that was scored.
        images: of it.
        chance: share of its most frequent class, which one answer for all images gets right.
    """
    found = [
        f"{name} ({write_percent(score)} %)"
        for name, score in scores
        if is_luck(round(score * images), images, chance=chance)
    ]
    if not found:
        return None
    return (
        f"{len(found):,} of {len(scores):,} {what} ended at chance, or no further above it than luck allows "
        f"({write_percent(chance)} %: what one class for all {images:,} {split} images gets): {listed(found)}. {_NEXT}"
    )


def level_warnings(levels: Mapping[str, Sequence[Trial]], data: DataFacts) -> list[str]:
    """Name the finished trainings of a search or a calibration that ended at chance, a line a level.

    Args:
        levels: trials by the name of their level.
        data: what they were scored on.
    """
    chance = 1 / data.shape.classes if data.chance is None else data.chance
    found = [
        chance_warning(
            [(_named(trial), trial.score or 0.0) for trial in complete(trials)],
            what=in_words(level),
            split="validation",
            images=data.validation,
            chance=chance,
        )
        for level, trials in levels.items()
    ]
    return [warning for warning in found if warning]


def _named(trial: Trial) -> str:
    seed = "" if trial.facts.repeat is None else f" #{trial.facts.repeat}"
    return trial.candidate.spec.id + seed


def headline(result: SearchResult) -> str:
    """Say what was found in one sentence; where the winner was trained again, its fresh seeds speak for it."""
    winner, setup = result.winner, result.setup
    if winner is None:
        return result.no_winner()
    fresh = result.fresh
    found = fresh or result.accuracies_of(winner)
    tested = "not tested yet" if found.test is None else f"test {found.test.write(' %')}"
    seeds = f"{plural(len(found.seeds), 'training seed')} ({', '.join(map(str, found.seeds))})"
    first = result.trials[winner.parent]
    name = f" ({first.candidate.origin})" if first.facts.seeded else ""
    return (
        f"{winner.candidate.spec.id}{name}: {winner.candidate.params:,} parameters "
        f"({winner.candidate.params / setup.cap:.2%} of {setup.cap:,}), validation {found.validation.write(' %')}, "
        f"{tested} on {setup.data.name} over {seeds}{' that no choice has seen' if fresh else ''}."
    )


def remarks(result: SearchResult) -> list[str]:
    """Return what must be said beside the headline, a sentence or two each: a tie, whom luck flatters, the brackets."""
    if result.winner is None:
        return []
    said = (tie(result.finalists, result.setup.data.validation), _flattered(result, result.winner), BRACKETS)
    return [remark for remark in said if remark]


def tie(ranked: Sequence[Finalist], images: int) -> str:
    """Say that several finalists share the best score, and which of them was taken; nothing where one is best alone.

    Args:
        ranked: the best first.
        images: of the validation split.
    """
    same = tied(ranked)
    if len(same) < 2:
        return ""
    first, second = same[:2]
    right = ""
    if len({len(one.runs) for one in same}) == 1:  # else only their means are equal
        correct, seeds = sum(round(score * images) for score in first.scores), len(first.runs)
        over = f" over {seeds} seeds each" if seeds > 1 else ""
        right = f", {correct:,} of {seeds * images:,} right{over}"
    taken = "the smallest was taken"
    if first.candidate.params == second.candidate.params:
        taken += ", and of equally small ones the one that was proposed first"
    return f"{len(same)} of {len(ranked)} networks tie at {write_percent(first.score)} % on validation{right}; {taken}."


def _flattered(result: SearchResult, winner: Finalist) -> str:
    """Say that luck flatters the score by which the winner was chosen, and which numbers it does not."""
    chosen, among = result.accuracies_of(winner), len(result.finalists)
    highest = f", the highest of {among}, so it flatters" if among > 1 else ""
    if result.fresh:
        over = f" over {len(chosen.seeds)} seeds" if len(chosen.seeds) > 1 else ""
        kept = "one of these trainings" if over else "this training"
        test = "" if chosen.test is None else f", with {chosen.test.write(' %')} on test{over}"
        return (
            f"It was chosen by {chosen.validation.write(' %')} on validation{over}{highest}; best/ holds {kept}{test}."
        )
    if among < 2:
        return ""
    honest = ""
    if chosen.test is not None:
        honest = "; its test accuracy, read after the choice, does not, but another seed may have less"
    return f"Its validation accuracy was chosen as the highest of {among}, so it flatters{honest}."
