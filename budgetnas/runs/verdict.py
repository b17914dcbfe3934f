"""The verdict on a search: how well its short trainings rank, and how its winner compares with controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from budgetnas.config.recorded import origin_now
from budgetnas.evidence.estimate import ON_THIS_SET, Estimate, judge
from budgetnas.evidence.scores import ACCURACY, OverSeeds, Score
from budgetnas.runs.networks import Accuracies, accuracies_of
from budgetnas.runs.result import SearchResult
from budgetnas.runs.sequence import (
    WITH_IMAGES,
    Seeds,
    Standing,
    gains,
    interval_words,
    looks_of,
    standing,
    write_gain,
    write_interval,
)
from budgetnas.text import Table, plural, write_macs
from budgetnas.trials.counted_cost import PER_PARAMETER
from budgetnas.trials.facts import Control, LookRule, RunFacts
from budgetnas.trials.trial import BEST_RANDOM, CONTROLS, WINNER, Trial, complete

_PREPOSITIONS = {"gain shown": " over", "no gain shown": " over", "loss shown": " against"}
NOT_TESTED = "Not tested: no controls were trained, so nothing here says that the search helped."


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The winner compared with one control, both trained again with fresh seeds.

    Attributes:
        name: of the control.
        spec: id of its architecture.
        params: trainable parameters.
        macs: for one image.
        accuracies: of its repeats.
        gain: mean test score of the winner minus the control's, in points, or how much less the loss is; None if not
            tested, or the winner itself.
        wider: the same over seeds and test images; None where the images are not known.
        verdict: on the gain, in a few words.
        standing: with sequential looks, where the two stand; None without them, or before the first.
    """

    name: str
    spec: str
    params: int
    macs: int
    accuracies: Accuracies
    gain: Estimate | None
    verdict: str
    wider: Estimate | None = None
    standing: Standing | None = None

    @property
    def tests(self) -> tuple[float, ...]:
        """Test scores of its repeats: shares in [0, 1], or losses; none before the test."""
        return _shown(self.accuracies, self.accuracies.test)

    @property
    def scores(self) -> tuple[float, ...]:
        """Validation scores of its repeats: shares in [0, 1], or losses; none where they learned from these images."""
        return _shown(self.accuracies, self.accuracies.validation)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs; scores are shares in [0, 1] and the gain points, or both are losses."""
        return {
            "name": self.name,
            "spec": self.spec,
            "params": self.params,
            "macs": self.macs,
            "tests": list(self.tests),
            "scores": list(self.scores),
            **self.accuracies.as_json(),
            "gain": self.gain and asdict(self.gain),
            "gain_on_images": self.wider and asdict(self.wider),
            "looks": self.standing and self.standing.look,
            "verdict": self.verdict,
        }


def _shown(accuracies: Accuracies, found: OverSeeds | None) -> tuple[float, ...]:
    return tuple(map(accuracies.score.shown, found.shares)) if found else ()


def recorded_controls(facts: RunFacts) -> list[Control]:
    """Return the controls that were recorded of a search."""
    return [replace(net, name=origin_now(net.name)) for net in facts.controls or ()]


def compare(result: SearchResult) -> list[Comparison]:
    """Return the winner compared with itself and with every trained control, in the order of the controls."""
    winner = result.winner
    runs: dict[str, list[Trial]] = {}
    for run in complete(result.levels.get(CONTROLS, ())):
        runs.setdefault(run.candidate.spec.id, []).append(run)
    if winner is None or not (own := runs.get(winner.candidate.spec.id)) or not result.looks.accuracies(own, CONTROLS):
        return []
    candidate = winner.candidate
    nets = [
        Control(name=WINNER, spec=candidate.spec.id, params=candidate.params, macs=candidate.macs),
        *recorded_controls(result.facts),
    ]
    looks = looks_of(result.levels[CONTROLS], result.looks)
    return [
        _compared(result, net, runs[net.spec], (looks[candidate.spec.id], looks.get(net.spec, {})))
        for net in nets
        if net.spec in runs
    ]


def equal_cost(result: SearchResult) -> str:
    """Say what the search and the random networks of the control at equal cost have cost; "" without this control."""
    arm = result.random_arm
    if arm is None:
        return ""
    networks, shared = plural(len(arm.shared) + len(arm.drawn), "random network"), len(arm.shared)
    own = f", {shared} of them of the search's own start," if shared else ""
    return (
        f"{networks}{own} fully trained for {arm.cost:.2e} MACs, the search for {arm.search_cost:.2e}; counted: images "
        f"trained on, times MACs and {PER_PARAMETER} for each parameter"
    )


def controls_table(
    compared: Sequence[Comparison], rule: LookRule | None = None, arm: str = "", *, score: Score = ACCURACY
) -> Table:
    """Return one row per network: size, accuracies, and the gain of the winner over it.

    Args:
        compared: the winner and its controls.
        rule: of the sequential looks; None without them.
        arm: what the random networks of the control at equal cost have cost, in words; "" without this control.
        score: of the study.
    """
    is_accuracy = score is ACCURACY
    rows = [
        (
            one.name,
            one.spec,
            f"{one.params:,}",
            write_macs(one.macs),
            str(len(one.tests)),
            str(one.accuracies.validation or ""),
            str(one.accuracies.test or ""),
            "" if one.gain is None else write_gain(one.gain, score=score),
            "" if one.wider is None else write_interval(one.wider, score=score),
            one.verdict,
        )
        for one in compared
    ]
    has_images = any(one.wider for one in compared)
    return Table(
        title="The winner beside controls",
        columns=(
            "network",
            "architecture",
            "params",
            "MACs",
            "seeds",
            score.head("validation"),
            score.head("test"),
            "gain, points" if score.is_share else "gain",
            "with images",
            "shown",
        ),
        rows=rows,
        notes=[
            "The winner and the controls were trained alike, with seeds that no choice has seen. Gain is the winner's "
            f"mean test {score.words} minus the control's, with Welch's {interval_words(rule)}."
            if score.is_share
            else f"how much lower its mean test loss is than the control's, with Welch's {interval_words(rule)}.",
            *([WITH_IMAGES] if has_images else []),
            "In brackets after an accuracy: Wilson's 95 % interval of its mean over the images."
            if is_accuracy
            else score.brackets,
            *([f"{BEST_RANDOM[0].upper()}{BEST_RANDOM[1:]} is the best of {arm}."] if arm else []),
        ],
    )


def verdict(result: SearchResult, compared: Sequence[Comparison]) -> str:
    """Say in a sentence or two whether the search helped."""
    shown: dict[str, list[str]] = {}
    score = result.setup.score
    for one in compared:
        if one.gain is not None:
            gain = write_gain(one.gain, one.wider, one.standing, score=score)
            shown.setdefault(one.verdict, []).append(f"{one.name} ({gain})")
    same = [one.name for one in compared[1:] if one.spec == compared[0].spec]
    judged = {one.name for one in compared if one.gain is not None} | set(same)
    untested = [net.name for net in recorded_controls(result.facts) if net.name not in judged]
    if not shown and not same:
        if result.setup.study.evidence.compares:
            return f"Not tested: the controls are not trained and tested yet ({result.stopped})."
        return NOT_TESTED
    sentences = [f"The winner is itself {_and(same)}."] if same else []
    if shown:
        text = "; ".join(
            f"{words}{_PREPOSITIONS.get(words.removesuffix(ON_THIS_SET), ', beside')} {_and(names)}"
            for words, names in shown.items()
        )
        seeds, rule = plural(len(compared[0].tests), "fresh seed"), result.facts.look_rule
        looks = f"; 95 % in all, over up to {plural(len(rule.seeds), 'look')}" if rule else ""
        unit = f"Points of test {score.words}" if score.is_share else "Less test loss"
        sentences.append(f"{text[0].upper()}{text[1:]}. {unit}, {seeds} of the winner{looks}.")
    if untested:
        sentences.append(f"Not trained and tested yet: {_and(untested)}.")
    return " ".join(sentences)


def _compared(result: SearchResult, net: Control, runs: Sequence[Trial], looks: tuple[Seeds, Seeds]) -> Comparison:
    """Compare the winner with a network; `looks` are those at the winner and at the network."""
    own, rival = looks
    score = result.setup.score
    gain, wider, now, words = None, None, None, "" if net.name == WINNER else "the winner itself"
    if rival is not own:
        words, rule = "not tested yet", result.facts.look_rule
        if rule is not None:
            now = standing(own, rival, rule, score=score)
            gain, wider = (now.gain, now.wider) if now else (None, None)
        elif rival:
            gain, wider = gains(list(own.values()), list(rival.values()), score=score)
        if gain is not None:
            words = judge(gain, wider) if now is None or now.is_over else "not decided yet"
    return Comparison(
        name=net.name,
        spec=net.spec,
        params=net.params,
        macs=net.macs,
        accuracies=accuracies_of(runs, result.looks, CONTROLS, images=result.setup.data.validation, score=score),
        gain=gain,
        verdict=words,
        wider=wider,
        standing=now,
    )


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
