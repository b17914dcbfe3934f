from __future__ import annotations

import numpy as np
from drawn_specs import basic_specs
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import ResNetSpec
from budgetnas.space.parameters import Ranges, parameters
from budgetnas.space.resnet import ResNetSpace

SPEC = ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250))
SPECS = basic_specs(4, blocks=st.integers(1, 20), widths=st.integers(1, 600), stem_width=st.just(0))


def test_ranges_widen_to_hold_the_seeded_models():
    narrow = Ranges(stages=(2, 3), blocks=(2, 3), widths=(64, 128))
    assert narrow.cover(SPEC) == Ranges(stages=(2, 3), blocks=(2, 5), widths=(64, 250))
    four = ResNetSpec(blocks=(1, 1, 1, 1), widths=(64, 128, 256, 512))
    assert narrow.cover(four) == Ranges(stages=(2, 4), blocks=(1, 3), widths=(64, 512))
    assert narrow.cover(SPEC, four) == narrow.cover(SPEC).cover(four) == narrow.cover(four).cover(SPEC)
    assert narrow.cover() == narrow


@given(SPECS)
def test_every_parameter_of_a_network_lies_within_the_ranges_that_cover_it(spec):
    ranges = Ranges(stages=(2, 3), blocks=(2, 3), widths=(64, 128)).cover(spec)
    values, limits = ranges.values(spec), ranges.limits()
    assert list(values) == list(limits)
    assert all(low <= values[name] <= high for name, (low, high) in limits.items())
    assert values.items() >= parameters(spec).items()


@given(SPECS)
def test_parameters_are_the_dimensions_of_the_space(spec):
    space = ResNetSpace()
    point = {dimension.name: int(value) for dimension, value in zip(space.dimensions, space.encode(spec), strict=True)}
    assert point == space.ranges.values(spec)
    assert space.decode(np.array(list(point.values()))) == spec
