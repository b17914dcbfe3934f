from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.reports.drawing import drawing


def drawn(blocks, widths, stem=0, shape=None, **others):
    spec = ResNetSpec(blocks=blocks, widths=widths, stem_width=stem, **others)
    return ElementTree.fromstring(drawing(spec, shape or DataShape()))


def pieces(svg, kind):
    return [piece for piece in svg.iter() if kind in piece.get("class", "").split()]


def test_every_block_is_a_slab_and_every_projection_a_solid_arc():
    svg = drawn((4, 5, 3), (64, 128, 256))
    assert len(pieces(svg, "block")) == len(pieces(svg, "arc")) == 12
    assert len(pieces(svg, "projection")) == 2
    assert len(pieces(svg, "end")) == 2
    assert len(pieces(drawn((4,), (64,), stem=32), "projection")) == 1
    assert len(pieces(drawn((2, 2, 2), (16, 16, 16)), "projection")) == 2  # for the stride alone


def test_slabs_grow_with_channels_and_shrink_with_the_feature_map():
    slabs = pieces(drawn((1, 1, 1), (64, 128, 256)), "block")
    heights, widths = ([float(slab.get(side)) for slab in slabs] for side in ("height", "width"))
    assert heights == sorted(heights, reverse=True)
    assert widths == sorted(widths)


def test_of_a_long_stage_some_blocks_are_drawn_and_dots():
    svg = drawn((1000,), (16,))
    assert len(pieces(svg, "block")) == 12
    words = [text.text for text in svg.iter() if text.tag == "text"]
    assert "…" in words
    assert "1000 x 16" in words


def test_an_inverted_block_that_changes_the_shape_has_no_arc():
    svg = drawn((3, 1, 2), (16, 24, 24), kind="inverted", strides=(1, 2, 1))
    assert len(pieces(svg, "block")) == 6
    assert len(pieces(svg, "arc")) == 5
    assert pieces(svg, "projection") == []
    slabs, arcs = pieces(svg, "block"), pieces(svg, "arc")
    starts = [float(arc.get("d")[1:].split()[0]) for arc in arcs]
    assert [any(abs(start - float(slab.get("x"))) < 3 for start in starts) for slab in slabs] == [
        True, True, True, False, True, True,
    ]  # fmt: skip


def test_kinds_are_below_the_stages_only_where_one_is_not_basic():
    plain = drawn((2, 1), (16, 24))
    for svg, kinds in (
        (drawn((2, 1), (16, 24), kind="bottleneck", kernels=(3, 5), neck=64), ["bottleneck", "bottleneck, 5x5"]),
        (drawn((2, 1), (16, 24), kernels=(3, 5)), ["basic, 5x5"]),
    ):
        words = [text.text for text in svg.iter("text")]
        assert [word for word in words if word.startswith(("basic", "bottleneck"))] == kinds
        assert ("neck of 64" in words) == ("bottleneck" in kinds)
        assert float(svg.get("height")) == float(plain.get("height")) + 18
        assert f"stage 2: 1 block of width 24 ({kinds[-1]})" in svg.find("title").text
    assert not any("basic" in text.text for text in plain.iter("text"))


@pytest.mark.parametrize(
    ("blocks", "widths", "shape"),
    [
        ((4, 5, 3), (64, 128, 256), DataShape()),
        ((1, 20, 2, 1, 5, 1, 1, 12), (16, 16, 32, 64, 64, 128, 128, 512), DataShape()),
        ((1,), (1,), DataShape(channels=1, height=1, width=1, classes=1)),
        ((2, 2), (65_536, 65_536), DataShape(height=2_000, width=10, classes=1_000_000)),
    ],
)
@pytest.mark.parametrize("others", [{}, {"kind": "inverted", "neck": 64}])
def test_nothing_lies_outside_the_drawing_or_in_a_neighbour(blocks, widths, shape, others):
    svg = drawn(blocks, widths, shape=shape, **others)
    _, _, width, height = map(float, svg.get("viewBox").split())
    assert (float(svg.get("width")), float(svg.get("height"))) == (width, height)
    slabs = [piece for piece in svg.iter("rect") if piece.get("class") in ("block", "end")]
    ends = [(float(s.get("x")), float(s.get("x")) + float(s.get("width"))) for s in slabs]
    assert all(right < left for (_, right), (left, _) in pairwise(ends))
    for rect in svg.iter("rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width
        assert 0 <= float(rect.get("y")) <= height - float(rect.get("height"))
    assert all(0 < float(text.get("y")) < height for text in svg.iter("text"))


def test_it_names_itself_for_those_who_cannot_see_it():
    svg = drawn((1, 2), (16, 24))
    assert svg.get("role") == "img"
    assert svg.find("title").text == (
        "Stem of 16 channels; stage 1: 1 block of width 16, stage 2: 2 blocks of width 24; head with 10 classes."
    )
