"""The controls of a winner; they and the winner are trained the same way, with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.models import find_model, paper_models
from budgetnas.config.sections import FOUND_CONTROLS
from budgetnas.data.load import is_known
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.pipeline.stages import PlannedTraining
from budgetnas.runs.verdict import recorded_controls
from budgetnas.space.widths import fit
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import Control, RunFacts
from budgetnas.trials.selection import Finalist
from budgetnas.trials.streams import Stream, generator
from budgetnas.trials.trial import WINNER, Candidate, Trial, complete

THEIRS = "report"  # the stored word for the best model of Pei et al. that fits


def controls(prepared: PreparedStudy) -> list[Candidate]:
    """Return the controls of a study's largest cap, each under the name that it goes by.

    The model of Pei et al. with the highest reported accuracy among those that fit; ResNet-18 with all widths scaled to
    fill the caps, without the stages that the images leave no room for; the network of most MACs in the band; a random
    network of the band; or those that the study names. What does not exist under the caps is left out, and on a
    person's own data the first, unless the study asks for it.
    """
    config = prepared.config
    names = config.evidence.control_networks
    if names is None:
        has_theirs = is_known(config.data) or config.search.paper_models is True
        names = FOUND_CONTROLS if has_theirs else tuple(name for name in FOUND_CONTROLS if name != THEIRS)
    return [candidate for name in names for candidate in _find(prepared, name)]


def wanted_controls(prepared: PreparedStudy, winner: Finalist) -> list[PlannedTraining]:
    """Return the trainings of the winner and of all controls, one repeat of all after the other."""
    nets = [replace(winner.candidate, origin=WINNER), *controls(prepared)]
    return [PlannedTraining(candidate=net, repeat=i) for i in range(prepared.control_repeats) for net in nets]


def record_controls(prepared: PreparedStudy, fulls: StudyStore, trained: Sequence[Trial]) -> None:
    """Record which networks are the controls: two of them may be one network, or the winner.

    An earlier control of which a training is COMPLETE stays, so that no choice of controls can take one out of the
    verdict.
    """
    found = [Control(name=net.origin, spec=net.spec.id, params=net.params, macs=net.macs) for net in controls(prepared)]
    before, have = recorded_controls(fulls.facts), {trial.candidate.spec.id for trial in complete(trained)}
    found += [net for net in before if net not in found and net.spec in have]
    if before != found:
        fulls.record(RunFacts(controls=tuple(found)))


def _find(prepared: PreparedStudy, name: str) -> Iterator[Candidate]:
    finders: dict[str, Callable[[PreparedStudy], Iterator[Candidate]]]
    finders = {THEIRS: _reported, "scaled": _scaled, "most_macs": _most_macs, "random": _random}
    return finders[name](prepared) if name in FOUND_CONTROLS else _shipped(prepared, name)


def _shipped(prepared: PreparedStudy, name: str) -> Iterator[Candidate]:
    model = find_model(name)
    assert model is not None
    candidate = prepared.candidate(model.spec, name)
    if _has_room(prepared, model.spec) and prepared.budget.fits(candidate):
        yield candidate


def _reported(prepared: PreparedStudy) -> Iterator[Candidate]:
    models = [model for model in paper_models() if model.seeded and model.reported_accuracy is not None]
    for model in sorted(models, key=lambda model: -(model.reported_accuracy or 0)):
        for candidate in _shipped(prepared, model.name):
            yield replace(candidate, origin=f"{model.name} of Pei et al.")
            return


def _scaled(prepared: PreparedStudy) -> Iterator[Candidate]:
    model = find_model("resnet18")
    assert model is not None
    stages = min(len(model.spec.blocks), prepared.space.depth_range[1])
    given = ResNetSpec(blocks=model.spec.blocks[:stages], widths=model.spec.widths[:stages])
    cut = f" of {stages} stages" if stages < len(model.spec.blocks) else ""
    try:
        spec = fit(given, prepared.data.shape, prepared.budget)
    except InfeasibleBudgetError:
        return
    yield prepared.candidate(spec, f"scaled ResNet-18{cut}")


def _most_macs(prepared: PreparedStudy) -> Iterator[Candidate]:
    band = prepared.tiers[-1].band
    member = prepared.index.most_macs(band.low, band.high)
    if member is not None:
        yield prepared.candidate(prepared.space.decode(member.point), "the most-MACs network")


def _random(prepared: PreparedStudy) -> Iterator[Candidate]:
    rng = generator(prepared.config.search.seed, 0, Stream.CONTROL)
    member = prepared.tiers[-1].band.draw(1, rng=rng).at(0)
    yield prepared.candidate(prepared.space.decode(member.point), "a random network")


def _has_room(prepared: PreparedStudy, spec: ResNetSpec) -> bool:
    """Tell whether the images leave room for all stages."""
    return len(spec.blocks) <= prepared.space.depth_range[1]
