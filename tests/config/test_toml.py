from __future__ import annotations

import tomllib
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.device import PRECISIONS
from budgetnas.config.evidence import EvidenceConfig
from budgetnas.config.sections import (
    BudgetConfig,
    DataConfig,
    FullConfig,
    OutputConfig,
    ProxyConfig,
    SearchConfig,
    SpaceConfig,
)
from budgetnas.config.study import EngineConfig, StudyConfig, load_study
from budgetnas.config.toml import build, write_toml

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)  # no halves of letters
NUMBERS = st.floats(0, 1e17, allow_nan=False)
CAPS = st.one_of(st.integers(1, 10**12), NUMBERS, WORDS)
WHOLE = st.integers(1, 100)


def maybe(strategy):
    return st.none() | strategy


STUDIES = st.builds(
    StudyConfig,
    description=WORDS,
    budget=st.builds(
        BudgetConfig,
        max_params=maybe(CAPS),
        max_memory=maybe(st.sampled_from(["6KiB", 6_144])),
        weights=st.sampled_from(PRECISIONS),
        tiers=maybe(st.lists(CAPS, max_size=3).map(tuple)),
        min_utilisation=st.floats(0, 1),
    ),
    space=st.builds(SpaceConfig, widths=st.tuples(WHOLE, WHOLE), monotone=st.booleans(), max_macs=CAPS),
    data=st.builds(DataConfig, dataset=WORDS, dir=WORDS, subset=maybe(st.integers(2, 99)), flip=maybe(st.booleans())),
    search=st.builds(SearchConfig, seed=st.integers(0, 2**31 - 1), sampler=st.sampled_from(["thompson", "random"])),
    proxy=st.builds(ProxyConfig, recipe=WORDS, rungs=maybe(st.sets(WHOLE, min_size=1).map(sorted).map(tuple))),
    full=st.builds(FullConfig, recipe=WORDS, epochs=maybe(WHOLE)),
    evidence=st.builds(EvidenceConfig, controls=st.booleans()),
    engine=st.builds(EngineConfig, max_hours=maybe(st.floats(1e-6, 1e5)), workers=maybe(WHOLE)),
    output=st.builds(OutputConfig, dir=WORDS, storage=maybe(WORDS)),
)


@given(config=STUDIES)
def test_what_is_written_reads_back_as_it_was(config):
    assert build(StudyConfig, tomllib.loads(write_toml(asdict(config))), "") == config


def test_the_defaults_read_back_and_are_spelled_out():
    text = write_toml(asdict(StudyConfig()), head="one\ntwo")
    assert text.startswith("# one\n# two\n")
    assert tomllib.loads(text).keys() == asdict(StudyConfig()).keys()
    assert "widths = [16, 512]\n" in text
    assert "\n[engine]\n" in text
    assert "workers" not in text


def test_a_file_is_read_back_by_the_reader_of_study_files(tmp_path):
    config = load_study("cifar10_5m", {"engine.workers": 2}, ["data.dir=a\"b\\c\x7f\n'é"])
    path = tmp_path / "study.toml"
    path.write_text(write_toml(asdict(config)), encoding="utf-8")
    assert load_study(str(path), {}, []) == config


@pytest.mark.parametrize("path", ["data-\udcff", "\ud800"])
def test_half_of_a_letter_leaves_a_file_that_can_be_read(path):
    text = write_toml(asdict(replace(StudyConfig(), data=DataConfig(dir=path))))
    assert tomllib.loads(text)["data"]["dir"] == path[:-1] + "?"
    assert text.encode()


def test_an_empty_section_stays():
    assert write_toml({"a": 1, "b": {"c": None}}) == "a = 1\n\n[b]\n"
