"""What a study cannot show is said by the constants that judge its result."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_studies import prepared

from budgetnas.pipeline.limits import Limit, study_limits
from budgetnas.pipeline.plan_lines import training_lines
from budgetnas.runs.settings import Kind


@pytest.fixture(scope="module")
def enough():
    """A study of two lengths that has everything."""
    return prepared(
        proxy__rungs=[1, 3],
        search__trials=30,
        full__repeats=3,
        full__finals="equal",
        evidence__control_promotions=10,
        evidence__controls=True,
    )


@pytest.fixture(scope="module")
def calibrated(enough):
    """The same study as a calibration."""
    return replace(enough, kind=Kind.CALIBRATION)


def with_(study, **keys):
    """Change keys of the study file; `__` for the dot."""
    config = study.config
    for key, value in keys.items():
        section, _, name = key.partition("__")
        config = replace(config, **{section: replace(getattr(config, section), **{name: value})})
    return replace(study, config=config)


def texts(study):
    return {limit.name: limit.text for limit in study_limits(study)}


def test_six_networks_are_too_few_for_a_calibration(calibrated):
    study = with_(calibrated, search__trials=6)
    told = "fidelity needs 10 networks; with 6, no interval and no recommendation: `search.trials=10` or more"
    (limit,) = study_limits(study, 6)
    assert limit == Limit(name="few networks", text=told, numbers={"networks": 6, "needed": 10})
    assert ("few networks", told) in training_lines(study, 6)
    assert study_limits(study, 9)
    assert study_limits(study, 10) == []


def test_where_the_band_has_no_more_networks_more_are_not_asked_for(calibrated):
    (limit,) = study_limits(calibrated, 6)
    assert limit.text.endswith("the band has no more: raise the cap or widen the space")


def test_one_length_is_no_choice_of_lengths(calibrated):
    said = "nothing shows whether a shorter or a longer training would do"
    for rung, full, lengths in ((3, 10, ": `proxy.rungs=[3,6]`"), (8, 10, ": `proxy.rungs=[4,8]`"), (1, 1, "")):
        (limit,) = study_limits(with_(calibrated, proxy__rungs=(rung,), full__epochs=full), 10)
        assert (limit.name, limit.text) == ("one length", said + lengths), "no advice that would be refused"


def test_a_search_with_everything_has_nothing_to_say(enough):
    assert study_limits(enough) == []


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"evidence__control_promotions": 7}, "no fidelity", "9 networks get full training, and 10 are needed"),
        ({"evidence__control_promotions": 0}, "no fidelity", "2 networks get full training, and 10 are needed"),
        ({"full__repeats": 1, "evidence__control_repeats": 2}, "no spread", "`full.repeats=3`"),
        ({"evidence__controls": False}, "no verdict", "`evidence.controls=true`"),
        ({"evidence__control_repeats": 1}, "no interval", "and 2 are needed for an interval"),
        ({"evidence__control_networks": ("resnet18",)}, "no verdict", "no control fits the caps"),
        ({"full__epochs": 9}, "costly trials", "costs 11.1 % of a full one, and a search pays best below 10%"),
        (
            {"search__trials": 10, "search__model": "per_rung"},
            "few trials",
            "with 10 trials, thompson learns from scores only after its first 10",
        ),
    ],
)
def test_a_search_says_what_is_missing_and_how_to_have_it(enough, changes, name, said):
    study = with_(enough, **changes)
    (limit,) = study_limits(study)
    assert limit.name == name
    assert said in limit.text
    assert (limit.name, limit.text) in training_lines(study)


def test_a_search_that_ends_with_its_start_is_told(enough):
    told = "thompson learns from scores only after its first 8 proposals"
    assert texts(with_(enough, search__trials=8))["few trials"].endswith(told)
    assert told not in texts(with_(enough, search__trials=9))["few trials"]


def test_caps_that_share_few_trials_are_told(enough):
    shared = replace(with_(enough, search__trials=18), tiers=enough.tiers * 2)
    (limit,) = study_limits(shared)
    assert limit.text == "about 9 networks for each cap, and 10 near it are needed to trust its best"
    assert (limit.name, limit.numbers) == ("few a cap", {"networks": 9, "needed": 10})
    assert study_limits(with_(shared, search__trials=20)) == []


def test_three_trials_show_nearly_nothing(enough):
    few = {"search__trials": 3, "full__repeats": 1, "evidence__controls": False}
    found = texts(with_(enough, **few))
    assert list(found) == ["few trials", "no fidelity", "no spread", "no verdict"]
    assert found["few trials"].startswith(
        "with 3 trials, no posterior mean (6 are needed); no estimate of which dimensions matter (10 are needed);"
    )
    assert found["no fidelity"].endswith(": `search.trials=10` or more, `evidence.control_promotions=10`")
    assert "random" not in texts(with_(enough, **few, search__sampler="random"))["few trials"]


def test_a_sampler_without_a_start_is_not_said_to_have_one_where_seeds_fill_the_trials():
    few = {"search__trials": 3, "search__sampler": "random", "search__paper_models": True}
    assert "random" not in texts(prepared(budget__max_params="5M", **few))["few trials"]


@pytest.mark.parametrize(
    ("rung", "full", "advice"),
    [
        (3, 10, "`proxy.rungs=[1]` or `full.epochs=30`"),
        (1, 5, "10%: `full.epochs=10`"),
        (8, 30, "`proxy.rungs=[3]` or `full.epochs=80`"),
    ],
)
def test_trials_that_cost_more_than_a_tenth_of_a_full_training_are_dear(enough, rung, full, advice):
    study = with_(enough, proxy__rungs=(rung,), full__epochs=full)
    (limit,) = study_limits(study)
    assert limit.name == "costly trials"
    assert limit.text.endswith(advice)
    assert limit.numbers == {"percent": round(100 * rung / full, 1), "most": 10}


def test_fewer_images_make_a_short_training_cheaper(enough):
    study = with_(enough, proxy__rungs=(3,), proxy__subset=30)
    assert study.prices == (0.3 * study.short_images / len(study.data.train),)
    assert study_limits(study) == []
