"""Every fact of a run and of a trial has one type, one reader and one writer."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import budgetnas
from budgetnas.exceptions import StorageError
from budgetnas.trials.facts import Promotion, RunFacts, Takeover, TrialFacts
from budgetnas.trials.record import required

PACKAGE = Path(budgetnas.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"
OF_THE_NETWORK = {"spec", "params", "macs", "origin", "budgetnas"}

BY_NAME = re.compile(
    r"""\b(attrs|facts)(\[|\.get\(|\.pop\()f?["']|\.record\(f?["']|["'] (not )?in \w*\.?(attrs|facts)\b"""
)


@pytest.mark.parametrize("path", [path for path in SOURCES if not path.startswith("trials/")])
def test_no_other_room_reads_or_writes_a_fact_by_its_name(path):
    assert BY_NAME.search(SOURCES[path]) is None


@pytest.mark.parametrize(
    "source",
    [
        'trial.attrs["seed"]',
        "one.attrs['seed']",
        'trial.attrs.get("seed")',
        'store.facts.get("looks", {})',
        'facts["identity"]',
        'store.record("stopped", why)',
        'if "identity" in store.facts:',
        'if "setup" not in facts:',
    ],
)
def test_each_way_to_do_so_would_be_found(source):
    assert BY_NAME.search(source)


@pytest.mark.parametrize(
    ("pattern", "home"),
    [
        (r"""["']stem_width["']: (?!int)""", "arch/spec.py"),
        (r"""f["'](blocks|width)_\{""", "space/parameters.py"),
        (r"\bTrainingKey\(\w", "trials/declaration.py"),
    ],
)
def test_specs_their_parameters_and_keys_of_trainings_are_made_in_one_module_each(pattern, home):
    assert {path for path, source in SOURCES.items() if re.search(pattern, source)} == {home}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NEWER = st.dictionaries(st.text().map("newer {}".format), JSON, max_size=2)


def records(kind):
    """Make records of a class, every field of which may be absent unless it has no default."""
    hints = get_type_hints(kind)
    own = {one.name: values(hints[one.name]) for one in fields(kind) if one.name != "others"}
    return st.builds(kind, **own, others=NEWER) if "others" in hints else st.builds(kind, **own)


def values(hint):
    """Make values of the type of a field."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.none() | values(inner[0])
    if origin is tuple and inner[-1] is ...:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, inner))
    if origin is Mapping:
        return st.dictionaries(st.text(), values(inner[1]), max_size=3)
    if hint is Any:
        return JSON
    if hint in (bool, int, str):
        return st.from_type(hint)
    return st.floats(allow_nan=False) if hint is float else records(hint)


@given(records(TrialFacts))
def test_what_is_known_of_a_trial_reads_back_as_it_was_written(facts):
    assert TrialFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


@given(records(RunFacts))
def test_what_is_known_of_a_run_reads_back_as_it_was_written(facts):
    assert RunFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def stored(run: str, table: str, owner: str) -> dict[int, dict[str, Any]]:
    """Return the attributes of each study or trial of a run that an older version made, in the order of writing."""
    found: dict[int, dict[str, Any]] = {}
    with closing(sqlite3.connect(f"{(MADE / run / 'study.db').as_uri()}?mode=ro", uri=True)) as database:
        for number, key, value in database.execute(f"SELECT {owner}, key, value_json FROM {table} ORDER BY 1, rowid"):
            found.setdefault(number, {})[key] = json.loads(value)
    return found


@pytest.mark.parametrize("run", ["finished", "stopped", "trained"])
def test_the_records_of_an_older_version_are_known_and_written_as_they_were(run):
    for content in stored(run, "study_user_attributes", "study_id").values():
        facts = RunFacts.from_json(content)
        assert set(facts.others) <= {"lease"}, "null, as nobody holds the study"
        assert facts.to_json() == content
    for content in stored(run, "trial_user_attributes", "trial_id").values():
        own = {key: value for key, value in content.items() if key not in OF_THE_NETWORK}
        facts = TrialFacts.from_json(own)
        assert not facts.others
        assert list(facts.to_json().items()) == list(own.items())


def test_a_full_training_of_an_older_version_is_this_record():
    content = stored("finished", "trial_user_attributes", "trial_id")
    (full,) = (one for one in content.values() if one.get("weights") == "full/0.safetensors")
    sha256 = "ea890f0adb699f9732a62fdafa834bc570a2b27ed8c72749e94335503656c29d"
    facts = TrialFacts(
        repeat=0,
        seed=515_740_091,
        utilisation=0.9805,
        parent=10,
        lineage=("r3/10",),
        seconds=1.188,
        images=4604,
        epochs=4,
        train_loss=0.498798174820808,
        loss=0.49152345025996297,
        weights="full/0.safetensors",
        weights_sha256=sha256,
    )
    own = (
        '{"repeat": 0, "seed": 515740091, "utilisation": 0.9805, "parent": 10, "lineage": ["r3/10"], "seconds": 1.188, '
        '"images": 4604, "epochs": 4, "train_loss": 0.498798174820808, "loss": 0.49152345025996297, '
        f'"weights": "full/0.safetensors", "weights_sha256": "{sha256}"}}'
    )
    assert json.dumps(facts.to_json()) == own
    assert TrialFacts.from_json({key: full[key] for key in full if key not in OF_THE_NETWORK}) == facts


def test_what_is_absent_null_or_newer_stays_so():
    assert TrialFacts().to_json() == {}
    content = {"seed": None, "newer": [1, {"a": None}], "diverged": False, "lineage": []}
    facts = TrialFacts.from_json(content)
    assert (facts.seed, facts.diverged, facts.lineage) == (None, False, ())
    assert facts.to_json() == content
    assert Promotion.from_json({"best": [2, 0], "random": []}).to_json() == {"best": [2, 0], "random": []}


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        (TrialFacts, {"seed": "7"}, "`seed` is '7'"),
        (TrialFacts, {"seed": True}, "`seed` is True"),
        (TrialFacts, {"weights": 5}, "`weights` is 5"),
        (TrialFacts, {"loss": [0.5]}, "`loss`"),
        (TrialFacts, {"lineage": "r3/1"}, "`lineage`"),
        (TrialFacts, {"phases": [[40]]}, "`phases`"),
        (RunFacts, {"setup": [1]}, r"`setup` is \[1\]"),
        (RunFacts, {"looks": {"0:ab": {"correct": 1.5, "images": 2}}}, "`correct` is 1.5"),
        (RunFacts, {"promotions": {"8 of r3": 3}}, "`promotions.8 of r3` is 3"),
        (RunFacts, {"bands": [[1, 2, 3]]}, "`bands`"),
    ],
)
def test_what_no_version_records_is_refused_by_its_name(kind, content, named):
    with pytest.raises(ValueError, match=named):
        kind.from_json(content)


def test_a_record_without_what_every_version_records_is_refused():
    with pytest.raises(TypeError, match="best"):
        RunFacts.from_json({"promotions": {"8 of r3": {"random": []}}})


def test_a_number_without_a_point_may_stand_for_one_with():
    assert json.dumps(TrialFacts.from_json({"seconds": 2}).to_json()) == '{"seconds": 2}'


def test_the_run_that_trainings_come_from_has_a_key_that_is_no_name_of_python():
    content = {"from": "old", "is_whole": True, "drivers": [], "trainings": {"r3": 4}}
    taken = Takeover.from_json(content)
    assert (taken.source, list(taken.to_json())) == ("old", list(content))


def test_who_goes_up_for_two_reasons_goes_up_once():
    assert Promotion(best=(3, 1), named=(1,), random=(0, 3)).numbers == (3, 1, 0)


def test_a_fact_that_must_be_there_is_named_where_it_is_not():
    assert required(0, "seed") == 0
    with pytest.raises(StorageError, match=r"^`seed` was not recorded, .*: restore a copy, or run it again"):
        required(None, "seed")
