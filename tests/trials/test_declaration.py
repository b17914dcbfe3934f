from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import StorageError
from budgetnas.storage.record import glance
from budgetnas.trials.declaration import Declaration, Phase, training_key, whole
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "trained" / "study.db"
NET = Candidate(spec=ResNetSpec(blocks=(1, 2), widths=(16, 32)), params=10, macs=20, origin="model5")
TWO = (Phase(epochs=100, period=200), Phase(epochs=50, period=50))


def trial(**facts):
    return Trial(number=0, candidate=NET, state=TrialState.COMPLETE, facts=TrialFacts(**facts))


@pytest.mark.parametrize(("stop", "epochs"), [(None, 150), (20, 20), (200, 150)])
def test_a_training_and_its_trial_have_one_key(stop, epochs):
    run = Declaration(candidate=NET, phases=TWO, repeat=1)
    key = run.key(stop)
    assert (key.name, key.spec, key.repeat, key.epochs) == ("model5", "1x16-2x32", 1, epochs)
    assert training_key(trial(phases=key.phases, repeat=1, asked_epochs=key.epochs)) == key
    assert Declaration.from_json(json.loads(json.dumps(run.to_json()))).key(stop) == key


def test_repeats_differ_in_their_seed_alone():
    run = Declaration(candidate=NET, phases=whole(40), repeat=0)
    other = Declaration(candidate=NET, phases=whole(40), repeat=3)
    assert run.key(None) != other.key(None)
    assert run.key(None).is_repeat_of(other.key(None))
    assert not run.key(None).is_repeat_of(other.key(20))
    assert not run.key(None).is_repeat_of(Declaration(candidate=NET, phases=TWO, repeat=3).key(40))


@pytest.mark.parametrize("lacking", ["phases", "repeat", "asked_epochs"])
def test_a_trial_without_what_tells_it_from_others_is_refused(lacking):
    facts = {"phases": ((40, 40),), "repeat": 0, "asked_epochs": 40}
    del facts[lacking]
    with pytest.raises(StorageError, match=f"`{lacking}` was not recorded"):
        training_key(trial(**facts))


def test_what_an_older_version_was_asked_for_is_the_training_that_it_recorded():
    with closing(sqlite3.connect(f"{MADE.as_uri()}?mode=ro", uri=True)) as database:
        (text,) = database.execute("SELECT value_json FROM study_user_attributes WHERE key = 'drivers'").fetchone()
    study = json.loads(text)[-1]["study"]
    (content,) = study["runs"]
    run = Declaration.from_json(content)
    assert json.dumps(run.to_json()) == json.dumps(content)
    (made,) = glance(MADE)["trained"][0]
    assert run.key(study["epochs"]) == training_key(made)
