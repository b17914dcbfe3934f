from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity import pools
from budgetnas.complexity.counter import count


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 600)), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 65),
    st.integers(1, 65),
    st.integers(1, 100),
)
def test_arrays_count_as_layers_do(stages, channels, height, width, classes):
    shape = DataShape(channels=channels, height=height, width=width, classes=classes)
    spec = ResNetSpec(blocks=tuple(b for b, _ in stages), widths=tuple(w for _, w in stages))
    padding = [(0, 7)] * (6 - len(stages))
    rows = np.array([[*stages, *padding]], dtype=np.int64)
    params, macs = pools.total(rows[:, :, 0], rows[:, :, 1], shape)
    cost = count(spec, shape)
    assert (params[0], macs[0]) == (cost.params, cost.macs)
