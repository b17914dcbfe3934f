"""Kinds of blocks of a person's own: ids, records and counts of their networks, with and without the code."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from own_blocks import Gated, Separable, given, nothing_given

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.kinds import codes, make_kind, recorded
from budgetnas.arch.layers import AvgPool, Conv, Norm, Residual, Sigmoid
from budgetnas.arch.own_check import check_cost
from budgetnas.arch.resnet import basic_block, lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError
from budgetnas.models.build import build_model

SMALL = DataShape(channels=1, height=9, width=7, classes=3)


@st.composite
def networks(draw, name):
    stages = draw(st.integers(1, 4))
    each = {"blocks": st.integers(1, 3), "widths": st.integers(1, 20), "kernels": st.sampled_from((1, 3, 5))}
    fields = {key: tuple(draw(values) for _ in range(stages)) for key, values in each.items()}
    strides = (1, *(draw(st.integers(1, 2)) for _ in range(stages - 1)))
    return ResNetSpec(
        **fields, strides=strides, kind=name, stem_width=draw(st.integers(1, 20)), neck=draw(st.none() | st.just(5))
    )


@pytest.mark.parametrize("code", [Separable, Gated])
@settings(max_examples=40)
@drawn(data=st.data())
def test_a_network_is_read_back_without_the_code_and_counted_alike_by_layers_arrays_and_torch(code, data):
    with given(code()):
        spec = data.draw(networks(code.name))
        found = count(spec, SMALL)
        layers = lower(spec, SMALL)
        totals = pools.total_of(arrays_of(spec), SMALL)
    assert sum(one.numel() for one in build_model(spec, SMALL).parameters()) == found.params
    assert [int(total[0]) for total in totals] == [found.params, found.macs]
    with nothing_given():
        read = ResNetSpec.from_json(json.loads(json.dumps(spec.to_json())))
        assert read == spec == ResNetSpec.from_id(spec.id)
        assert lower(read, SMALL) == layers == lower(pickle.loads(pickle.dumps(spec)), SMALL)
        assert read.to_json() == spec.to_json()
        with recorded([spec.kind], [spec]):
            assert [int(total[0]) for total in pools.total_of(arrays_of(spec), SMALL)] == [found.params, found.macs]


def arrays_of(spec):
    others = {"kernel": spec.kernels, "halves": [stride - 1 for stride in spec.strides]}
    return pools.Networks(
        blocks=np.array([spec.blocks]),
        widths=np.array([spec.widths]),
        stem_widths=np.array([spec.stem_width]),
        others={name: np.array([values]) for name, values in others.items()},
        family=pools.Family(kind=spec.kind, neck=spec.neck),
    )


def test_an_id_names_the_kind_and_has_one_spelling():
    text = "separable.s8-n32-2x16-3x32k5=1x32"
    spec = ResNetSpec.from_id(text)
    assert (spec.kind, spec.id, spec.widths, spec.block_layers) == ("separable", text, (16, 32, 32), ())
    for other in ("basic.2x16", ".2x16", "2.2x16", "a-b.2x16", "own.d-2x16-2x32", "own.", f"{'a' * 33}.2x16"):
        assert ResNetSpec.from_id(other) is None
    assert len({spec, ResNetSpec.from_id("s8-n32-2x16-3x32k5=1x32")}) == 2


def test_a_changed_network_has_the_layers_of_its_new_shape():
    with given():
        spec = ResNetSpec(blocks=(1, 1), widths=(8, 16), kind="separable")
        assert lower(replace(spec, widths=(8, 24)), SMALL)[-4].body[-1] == Norm(channels=24)
        assert len(spec.first(1).block_layers) == 1
    with nothing_given():
        assert replace(spec, widths=(8, 24)).block_layers == ()


def test_a_network_of_a_kind_without_code_is_named_but_not_built():
    with nothing_given():
        spec = ResNetSpec.from_id("Gated_2.2x16")
        assert spec.in_words == "2 Gated_2 blocks of 16"
        with pytest.raises(UsageError) as refusal:
            count(spec, SMALL)
    assert str(refusal.value) == (
        "`kind` is 'Gated_2', but must be basic, bottleneck, inverted, or a kind whose code is given as MODULE:CLASS."
    )


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda stages: stages.append(stages[0]), "they are of another number of blocks"),
        (lambda stages: stages[0].pop(), "they are of another number of blocks"),
        (lambda stages: stages[0][0].pop(0), "it has no layers"),
        (lambda stages: stages[0][0].append({"layer": "Norm", "channels": 9}), "Norm of 9 channels gets 8"),
        (lambda stages: stages[0][0].append({"layer": "Norm", "channels": 8.0}), "Norm has channels 8.0, no whole"),
        (lambda stages: stages[0][0].append({"layer": "Norm", "channels": True}), "Norm has channels True, no whole"),
        (lambda stages: stages[0][0].append({"layer": "Norm"}), "it holds something else than layers"),
        (lambda stages: stages[0][0].append({"layer": "Lambda"}), "it holds something else than layers ('Lambda')"),
        (lambda stages: stages[0].__setitem__(0, "Conv"), "it holds something else than layers"),
    ],
)
def test_recorded_layers_that_do_not_fit_are_refused(edit, reason):
    with given():
        content = ResNetSpec(blocks=(2,), widths=(8,), kind="separable").to_json()
    content["block_layers"][0][0] = content["block_layers"][0][0][1:]  # the rectifier alone
    ResNetSpec.from_json(content)
    edit(content["block_layers"])
    with pytest.raises(UsageError) as refusal:
        ResNetSpec.from_json(content)
    assert str(refusal.value).startswith(f"`block_layers` do not fit `separable.2x8` ({reason}")


def test_layers_of_our_kinds_are_never_read():
    with pytest.raises(UsageError, match="basic blocks have those of this program"):
        ResNetSpec.from_json({"blocks": [1], "widths": [8], "stem_width": 8, "block_layers": []})


PLAIN = {"out_channels": 8, "kernel": 3}


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([], "it has no layers"),
        ([Norm(channels=9)], "Norm of 9 channels gets 8"),
        ([Conv(in_channels=8, out_channels=9, kernel=1)], "it makes 9x2x2 of 8x2x2, not 8x2x2"),
        ([Conv(in_channels=8, stride=2, **PLAIN)], "it makes 8x1x1 of 8x2x2, not 8x2x2"),
        ([Conv(in_channels=8, out_channels=8, kernel=2)], "it makes 8x3x3 of 8x2x2, not 8x2x2"),
        ([Conv(in_channels=8, groups=3, **PLAIN)], "is none of Conv (whose groups divide the channels), Norm, Act,"),
        ([Conv(in_channels=8, groups=0, **PLAIN)], "Conv has groups 0, no whole number from 1 to 4,194,304"),
        ([Conv(in_channels=8 / 1, **PLAIN)], "Conv has in_channels 8.0, no whole number from 1"),
        ([Sigmoid()], "Sigmoid() is none of Conv"),
        (["relu"], "'relu' is no layer"),
        ([Residual(body=(AvgPool(kernel=2),), shortcut=())], "it adds 8x2x2 to 8x1x1"),
        ([basic_block(8, 8)], "an Act must come after the sum of two 3x3 convolutions and a shortcut"),
        (None, "TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_a_block_that_no_room_could_handle_is_refused_by_its_layer(layers, reason):
    class Odd(Separable):
        def block(self, in_channels, out_channels, stride, kernel):
            return layers

    with given(Odd()), pytest.raises(UsageError) as refusal:
        ResNetSpec(blocks=(1,), widths=(8,), kind="separable")
    opening = "`space_code` is own:Code, whose `block` fails for 8 to 8 channels, stride 1, kernel 3 ("
    assert str(refusal.value).startswith(opening)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def kind_of(**methods):
    return make_kind(type("Odd", (Separable,), methods)(), word="odd:Odd", sha256="")


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        (
            lambda self, stages: (Separable.cost(self, stages)[0], Separable.cost(self, stages)[1] + stages.halves),
            "`cost` gives 384 parameters and 8,401 MACs for 1 block of 8 channels behind 8 (kernel 3, halves 1, 81 to "
            "25 pixels), but its layers have 384 parameters and 8,400 MACs: correct one of them.",
        ),
        (lambda self, stages: (stages.width / 2, stages.width), "ValueError: it must return two arrays of whole num"),
        (lambda self, stages: stages.width, "ValueError: it must return two arrays of whole numbers: params and MACs"),
        (lambda self: None, "whose `cost` fails (TypeError: "),
        (lambda self, stages: stages.channels, "whose `cost` fails (AttributeError: 'Stages' object has no attribute"),
    ],
)
def test_a_cost_that_is_not_that_of_the_layers_is_refused(cost, reason):
    with pytest.raises(UsageError) as refusal:
        check_cost(kind_of(cost=cost), (8, 12), (3,))
    assert str(refusal.value).startswith("`space_code` is odd:Odd, whose `cost` ")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_cost_that_is_that_of_the_layers_is_taken():
    for code in (Separable, Gated):
        check_cost(make_kind(code(), word="", sha256=""), (1, 7, 8), (1, 3, 5))


@pytest.mark.parametrize("name", ["basic", "", "a b", "2x", "a-b", "a" * 33, None, 7])
def test_a_name_that_ids_cannot_have_is_refused(name):
    with pytest.raises(UsageError, match=r"^`space_code` is odd:Odd, whose `name` is .*, but must be letters, digits"):
        kind_of(name=name)


def test_an_own_kind_has_no_squeeze_excitation_of_ours_and_no_pooled_shortcut():
    with pytest.raises(UsageError, match="`squeeze` is 16, but a block of the kind 'own' has only its own layers"):
        ResNetSpec(blocks=(1,), widths=(8,), kind="own", squeeze=16)
    assert ResNetSpec(blocks=(1, 1), widths=(8, 8), kind="own", shortcut="pool").shortcut == "conv"
    with pytest.raises(UsageError, match="`mids` has 1 value, but must have none for 1 stage of own blocks"):
        ResNetSpec.from_id("own.2x16m4")


def test_an_identity_has_the_code_of_own_kinds_and_nothing_else():
    with given():
        assert codes(["separable", "basic", "separable"]) == {"space_code.separable": f"own:Code (SHA-256 {'0' * 64})"}
    assert codes(["separable", "basic"]) == {}
