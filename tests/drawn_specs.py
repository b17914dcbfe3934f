"""Networks drawn over every field of a spec. A new field says here which values are drawn; until then tests fail."""

from __future__ import annotations

from hypothesis import strategies as st

from budgetnas.arch.spec import FIELDS, ResNetSpec

VALUES = {"blocks": st.integers(1, 3), "widths": st.integers(1, 40), "stem_width": st.integers(0, 40)}


def specs(most: int, **others: st.SearchStrategy[int]) -> st.SearchStrategy[ResNetSpec]:
    """Draw networks of 1 to `most` stages; `others` are drawn in place of `VALUES`."""
    values = VALUES | others
    assert values.keys() == FIELDS.keys(), "a field of a spec is not drawn by the tests: give it to VALUES"

    def of_depth(stages: int) -> st.SearchStrategy[ResNetSpec]:
        each = {
            name: st.tuples(*[values[name]] * stages) if one.metadata["per_stage"] else values[name]
            for name, one in FIELDS.items()
        }
        return st.builds(ResNetSpec, **each)

    return st.integers(1, most).flatmap(of_depth)
