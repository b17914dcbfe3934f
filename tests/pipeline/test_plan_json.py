"""A program needs none of the words: the numbers of a plan's lines are in its JSON."""

from __future__ import annotations

import json
import re

import pytest
from small_studies import prepared

from budgetnas.amounts import write_size
from budgetnas.pipeline.plan import Pace, Plan, expected_costs
from budgetnas.pipeline.plan_json import as_json
from budgetnas.pipeline.plan_lines import plan_lines, seed_lines
from budgetnas.runs.settings import Kind
from budgetnas.text import write_macs, write_time

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
EVERYTHING = {
    "budget__max_params": None,
    "budget__tiers": ["40k", "5M"],
    "space__max_macs": "30M",
    "search__trials": 7,
    "search__paper_models": True,
    "search__first_models": ["1x16-2x24"],
    "full__epochs": 11,
    "full__repeats": 2,
    "evidence__controls": True,
    "evidence__control_repeats": 1,
    "evidence__control_promotions": 4,
    "engine__workers": 3,
    "engine__max_hours": 0.5,
    "proxy__subset": 37,
    "proxy__rungs": [1, 3],
}


DEVICE = {
    "budget__max_params": None,
    "budget__max_bytes": "60kB",
    "budget__max_memory": "3KiB",
    "budget__weights": "int8",
    "space__max_macs": "2M",
}


def plan(study, **facts):
    """A plan at 13 images/s, of which nothing is done."""
    pace = Pace(step=1 / 13, validation=0.01, start=0.5)
    left = {"r3": 6, "full": 5}
    costs = expected_costs(study, left, usual=pace, large=pace)
    return Plan(prepared=study, usual=pace, large=pace, costs=costs, **facts)


def a_search(**changes):
    study = prepared(**changes)
    return plan(study)


def a_calibration(**changes):
    study = prepared(Kind.CALIBRATION, search__trials=9, **changes)
    return plan(study, networks=8)


def spellings(content, key=""):
    """Yield every number of JSON values as the lines may write it, and the length of every list of networks or caps."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from spellings(value, name)
    elif isinstance(content, list | tuple):
        yield str(len(content)) if content and isinstance(content[0], dict) else ""
        for value in content:
            yield from spellings(value, key)
    elif isinstance(content, int | float):
        yield from (f"{content:,}", f"{content:,.0f}", f"{content:g}")
        if key.endswith("macs"):
            yield write_macs(content).split()[0]
        if key in ("max_bytes", "max_memory"):
            yield write_size(content).split()[0]
        if key == "seconds":
            yield write_time(content).split()[0]


def texts(content):
    """Yield the words of JSON values that have digits in them: names, ids, paths."""
    if isinstance(content, dict | list | tuple):
        for value in content.values() if isinstance(content, dict) else content:
            yield from texts(value)
    elif isinstance(content, str) and re.search(r"\d", content):
        yield content


def missing(found, without=()):
    """Return the numbers of a plan's lines that its JSON lacks.

    A number may be rounded as its line rounds it, and may be the length of a list. No number of the plan are those
    inside a name, an id or a path that the JSON has as text, and those of the options that a line advises.
    """
    content = json.loads(json.dumps(as_json(found)))
    kept = {key: value for key, value in content.items() if key not in ("lines", *without)}
    known, names = set(spellings(kept)), sorted(texts(kept), key=len, reverse=True)
    lacks = []
    for line in [*(value for _, value in plan_lines(found)), *seed_lines(found.prepared)]:
        said = line.partition(": --")[0]
        for name in names:
            said = said.replace(name, "")
        lacks += [number for number in NUMBER.findall(said) if number not in known]
    return lacks


@pytest.fixture(scope="module")
def everything():
    return a_search(**EVERYTHING)


@pytest.mark.parametrize(
    "make",
    [
        a_search,
        a_calibration,
        lambda: a_calibration(proxy__rungs=[2, 4], full__repeats=3, proxy__subset=20),
        lambda: a_search(search__trials=1000, full__epochs=900),
        lambda: a_search(evidence__controls=True, search__sampler="evolution", search__trials=20),
        lambda: a_search(evidence__random_control=True, full__repeats=3, search__trials=20),
        lambda: a_search(evidence__controls=True, evidence__looks=[3, 5, 8, 12]),
        lambda: a_search(**DEVICE),
    ],
)
def test_every_number_of_the_lines_is_in_the_json(make):
    assert missing(make()) == []


def test_every_number_of_a_plan_with_everything_is_in_the_json(everything):
    assert len(seed_lines(everything.prepared)) > 1
    assert "buys" in dict(plan_lines(everything))["time"]
    assert missing(everything) == []


@pytest.mark.parametrize("key", ["data", "space", "caps", "first_models", "short", "images_per_second"])
def test_without_one_of_its_keys_a_number_is_missing(everything, key):
    assert missing(everything, without=[key])


def test_what_a_program_asks_first_has_plain_keys(everything):
    found = as_json(everything)
    data, study = everything.prepared.data, everything.prepared
    assert [found["data"][key] for key in ("train", "validation", "test")] == [1151, 287, 359]
    assert [found["data"][key] for key in ("channels", "height", "width", "classes")] == [1, 8, 8, 10]
    assert found["data"]["shift"] == data.traits.shift
    assert [cap["max_params"] for cap in found["caps"]] == [40_000, 5_000_000]
    for cap, tier in zip(found["caps"], study.tiers, strict=True):
        assert (cap["fitting"], cap["max_macs"], cap["band"]["size"]) == (tier.fitting, 30_000_000, len(tier.band))
        assert sum(cap["band"]["by_stages"].values()) == cap["band"]["size"]
    assert found["short"] == {"epochs": (1, 3), "images": 370, "price_percent": [2.9, 8.8]}
    assert found["full"] == {"epochs": 11, "seeds": 2, "networks": 3, "finalists": 1}
    assert found["controls"]["seeds"] == 1
    by_name = {net["name"]: net for net in found["first_models"]}
    assert by_name["model5"]["over"] == {"max_macs": by_name["model5"]["macs"] - 30_000_000}
    assert by_name["1x16-2x24"]["over"] == {}
    assert {"name": "no interval", "seeds": 1, "needed": 2} in found["limits"]
    assert found["networks"] is None
    assert [part["level"] for part in found["max_hours_buy"]] == ["r3", "full"]


def test_a_calibration_says_how_many_networks_it_draws_and_what_they_do_not_show():
    found = as_json(a_calibration())
    assert (found["kind"], found["networks"], found["controls"]) == ("calibration", 8, None)
    assert found["limits"] == [
        {"name": "few networks", "networks": 8, "needed": 10},
        {"name": "one length", "lengths": 1},
    ]
    assert (found["max_hours_buy"], found["shorter"]) == (None, None)


def test_a_plan_of_weeks_has_the_keys_and_the_seconds_of_a_shorter_one():
    found = as_json(a_search(search__trials=1000, full__epochs=100_000))
    assert found["shorter"]["keys"]["full.epochs"] == 30
    assert found["shorter"]["seconds"] <= 48 * 3600 < found["seconds"]
