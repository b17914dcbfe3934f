"""Small real studies on digits, prepared but not trained, for tests of what happens between trainings."""

from __future__ import annotations

from dataclasses import replace

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.study import load_study
from budgetnas.pipeline.ladder import make_ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.plan import Pace
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.runs.settings import Kind
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import TrialState

FACTS = TrialFacts(epochs=1, images=10, seconds=0.5)


def prepared(kind: Kind = Kind.SEARCH, **changes: object) -> PreparedStudy:
    words = {
        "budget.max_params": "60k",
        "data.dataset": "digits",
        "engine.device": "cpu",
        "search.trials": 3,
        "search.paper_models": False,
        "space.widths": [16, 64],
        "full.promote": 2,
        "output.name": "s",
    }
    words |= {key.replace("__", "."): value for key, value in changes.items()}
    return prepare(load_study(None, words, []), kind=kind)


def pace(images_per_second):
    """A worker that only trains."""
    return Pace(step=1 / images_per_second, validation=0.0, start=0.0)


def ladder_of(study, storage):
    return make_ladder(study, storage, StudyStore(storage, "s/full", study.ranges))


def net(study, width, blocks=(1,)):
    return study.candidate(ResNetSpec(blocks=blocks, widths=(width,) * len(blocks)), "random")


def first(study, store, score, width=None, blocks=(1,)):
    """Add a first-rung trial with its score, of a width of its own unless given."""
    trial = store.add(net(study, width or 16 + len(store.trials), blocks), state=TrialState.RUNNING, facts=TrialFacts())
    return store.finish(trial.number, score, FACTS)


def train(store, wanted: PlannedTraining, score, **facts):
    """Do a wanted training, or fail it where there is no score."""
    known = TrialFacts(repeat=wanted.repeat, seed=7, parent=wanted.parent, lineage=wanted.lineage)
    trial = store.add(wanted.candidate, state=TrialState.RUNNING, facts=known)
    if score is None:
        return store.fail(trial.number, "out of memory")
    weights = {"weights": f"{trial.number}", "weights_sha256": f"{store.name[-1]}{trial.number}"}
    return store.finish(trial.number, score, replace(FACTS, **{**weights, **facts}))
