from __future__ import annotations

import pytest
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import rename_from_source, rename_to_source, to_source
from budgetnas.exceptions import DataError
from budgetnas.models.build import build_model


@settings(max_examples=30)
@given(specs(5, widths=st.integers(1, 9), stem_width=st.integers(0, 9)))
def test_names_are_a_bijection_on_exactly_the_tensors_of_the_network(spec):
    names = to_source(spec)
    state = build_model(spec, DataShape(classes=3)).state_dict()
    assert set(names) == set(state)
    assert len(set(names.values())) == len(names)
    assert rename_from_source(rename_to_source(state, spec), spec).keys() == state.keys()


def test_a_tensor_too_many_or_too_few_is_named():
    spec = ResNetSpec(blocks=(1,), widths=(4,))
    names = dict.fromkeys(to_source(spec).values(), 0)
    with pytest.raises(DataError, match=r"has a tensor that is not of `1x4`: 'more' \(1 such\)"):
        rename_from_source({**names, "more": 0}, spec)
    del names["head.bias"]
    with pytest.raises(DataError, match=r"misses a tensor of `1x4`: 'head.bias'"):
        rename_from_source(names, spec)
