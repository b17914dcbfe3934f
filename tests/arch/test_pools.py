from __future__ import annotations

import numpy as np
from drawn_specs import as_networks, basic_specs, specs
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec

SHAPES = st.builds(
    DataShape,
    channels=st.integers(1, 5),
    height=st.integers(1, 65),
    width=st.integers(1, 65),
    classes=st.integers(1, 100),
)
LARGE = {"blocks": st.integers(1, 8), "widths": st.integers(1, 600), "stem_width": st.integers(0, 600)}


@given(basic_specs(6, **LARGE), SHAPES)
def test_arrays_count_as_layers_do(spec, shape):
    absent = 6 - spec.depth
    blocks, widths = np.array([[*spec.blocks, *[0] * absent]]), np.array([[*spec.widths, *[7] * absent]])
    params, macs = pools.total(blocks, widths, shape, stem_widths=np.array([spec.stem_width]))
    cost = count(spec, shape)
    assert (params[0], macs[0]) == (cost.params, cost.macs)
    if spec.stem_width == spec.widths[0]:
        assert pools.total(blocks, widths, shape) == (params, macs)


@settings(max_examples=150, deadline=None)
@given(specs(6, **LARGE), SHAPES)
def test_arrays_count_networks_of_every_kind_as_layers_do(spec, shape):
    params, macs = pools.total_of(as_networks(spec, 6), shape)
    cost = count(spec, shape)
    assert (params[0], macs[0]) == (cost.params, cost.macs)


def test_a_pool_of_many_chunks_is_counted_row_by_row():
    rng = np.random.default_rng(0)
    blocks, widths = rng.integers(1, 9, (10_000, 3)), rng.integers(16, 513, (10_000, 3))
    blocks[::3, 2] = 0
    params, _ = pools.total(blocks, widths, DataShape())
    for i in rng.integers(0, 10_000, 50):
        filled = blocks[i] > 0
        spec = ResNetSpec(blocks=tuple(blocks[i][filled].tolist()), widths=tuple(widths[i][filled].tolist()))
        assert params[i] == count(spec, DataShape()).params
