"""The answers of a large index that stay in a run's folder."""

from __future__ import annotations

import io

import numpy as np
import pytest

from budgetnas.arch.spec import DataShape
from budgetnas.budget import Budget
from budgetnas.config.study import load_study
from budgetnas.pipeline import stored_index
from budgetnas.pipeline.stored_index import FILE, index_of, keep_index, read_state
from budgetnas.space import band
from budgetnas.space.streamed import StreamedIndex

SPACE = load_study(
    None, {"space": "wide"}, ["space.widths=[8,16]", "space.blocks=[1,2]", "space.stages=[2,3]"]
).space.space(DataShape(height=8, width=8))  # fmt: skip


@pytest.fixture
def index(monkeypatch, tmp_path):
    monkeypatch.setattr(band, "LARGEST", 1_000)  # so that this small space is a large one

    def make(said=lambda line: None, **words):
        return index_of(SPACE, tmp_path, **{"budget": Budget(max_params=9_000), "seed": 0, "message": said} | words)

    return make


def passes(monkeypatch) -> list[int]:
    found: list[int] = []
    one = StreamedIndex._pass
    monkeypatch.setattr(
        StreamedIndex, "_pass", lambda self, *args, **words: found.append(1) or one(self, *args, **words)
    )
    return found


def test_what_was_counted_is_read_back_and_not_counted_again(index, monkeypatch, tmp_path):
    first = index()
    assert isinstance(first, StreamedIndex)
    before = first.band(5_000, 9_000)
    keep_index(first, tmp_path)
    counted = passes(monkeypatch)
    written = (tmp_path / FILE).stat().st_mtime_ns
    again = index()
    after = again.band(5_000, 9_000)
    keep_index(again, tmp_path)
    assert (tmp_path / FILE).stat().st_mtime_ns == written
    assert not counted
    assert after.counts == before.counts
    assert (after.kept.points == before.kept.points).all()
    index(seed=1).band(5_000, 9_000)
    assert counted == [1], "another seed draws anew"


def objects() -> bytes:
    content = io.BytesIO()
    np.savez(content, strata=np.array([{}], dtype=object))
    return content.getvalue()


@pytest.mark.parametrize("content", [objects(), b"", b"PK\x03\x04 and no more", b"not a file of arrays", None])
def test_a_damaged_file_is_counted_again(index, tmp_path, content):
    first = index()
    first.band(5_000, 9_000)
    keep_index(first, tmp_path)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-900] if content is None else content)
    assert index().band(5_000, 9_000).counts == first.band(5_000, 9_000).counts


def test_a_file_of_huge_arrays_is_not_read(monkeypatch, tmp_path):
    np.savez_compressed(tmp_path / FILE, zeros=np.zeros(1_000_000))
    assert read_state(tmp_path / FILE) is not None
    monkeypatch.setattr(stored_index, "LARGEST", 1_000_000)
    assert read_state(tmp_path / FILE) is None


def test_counting_says_how_far_it_is(index, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(stored_index, "EVERY", 0.0)
    index(said.append).band(5_000, 9_000)
    assert said[-1] == "counting the space: 30 of 30 parts"


def test_a_small_space_keeps_no_file(tmp_path):
    small = index_of(SPACE, tmp_path, budget=Budget(max_params=9_000), seed=0, message=lambda line: None)
    keep_index(small, tmp_path)
    assert not (tmp_path / FILE).exists()
