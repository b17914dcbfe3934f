from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 600)), min_size=1, max_size=6),
    st.integers(0, 600),
    st.builds(
        DataShape,
        channels=st.integers(1, 5),
        height=st.integers(1, 65),
        width=st.integers(1, 65),
        classes=st.integers(1, 100),
    ),
)
def test_arrays_count_as_layers_do(stages, stem_width, shape):
    blocks, widths = tuple(b for b, _ in stages), tuple(w for _, w in stages)
    spec = ResNetSpec(blocks=blocks, widths=widths, stem_width=stem_width)
    rows = np.array([[*stages, *[(0, 7)] * (6 - len(stages))]], dtype=np.int64)
    stems = np.array([spec.stem_width])
    params, macs = pools.total(rows[:, :, 0], rows[:, :, 1], shape, stem_widths=stems)
    cost = count(spec, shape)
    assert (params[0], macs[0]) == (cost.params, cost.macs)
    if stem_width == 0:
        assert pools.total(rows[:, :, 0], rows[:, :, 1], shape) == (params, macs)


def test_a_pool_of_many_chunks_is_counted_row_by_row():
    rng = np.random.default_rng(0)
    blocks, widths = rng.integers(1, 9, (10_000, 3)), rng.integers(16, 513, (10_000, 3))
    blocks[::3, 2] = 0
    params, _ = pools.total(blocks, widths, DataShape())
    for i in rng.integers(0, 10_000, 50):
        filled = blocks[i] > 0
        spec = ResNetSpec(blocks=tuple(blocks[i][filled].tolist()), widths=tuple(widths[i][filled].tolist()))
        assert params[i] == count(spec, DataShape()).params
