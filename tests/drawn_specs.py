"""Networks drawn over every field of a spec. A new field says here which values are drawn; until then tests fail."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from budgetnas.arch import pools
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import FIELDS, ResNetSpec

BASIC = {"blocks": st.integers(1, 3), "widths": st.integers(1, 40), "stem_width": st.integers(0, 40)}
VALUES: dict[str, st.SearchStrategy[Any]] = BASIC | {
    "kind": st.sampled_from(KINDS),
    "mids": st.integers(1, 3),  # times the groups of the stage
    "expansions": st.integers(1, 4),
    "kernels": st.sampled_from((1, 3, 5)),
    "groups": st.integers(1, 3),
    "strides": st.integers(1, 2),
    "shortcut": st.sampled_from(SHORTCUTS),
    "squeeze": st.none() | st.integers(1, 20),
    "neck": st.none() | st.integers(1, 40),
}


def basic_specs(most: int, **others: st.SearchStrategy[int]) -> st.SearchStrategy[ResNetSpec]:
    """Draw networks of basic blocks alone, 1 to `most` stages; `others` are drawn in place of `BASIC`."""
    values = BASIC | others

    def of_depth(stages: int) -> st.SearchStrategy[ResNetSpec]:
        each = {name: st.tuples(*[values[name]] * stages) for name in ("blocks", "widths")}
        return st.builds(ResNetSpec, **each, stem_width=values["stem_width"])

    return st.integers(1, most).flatmap(of_depth)


@st.composite
def specs(draw: st.DrawFn, most: int, **others: st.SearchStrategy[Any]) -> ResNetSpec:
    """Draw networks of 1 to `most` stages over every field; `others` are drawn in place of `VALUES`."""
    values = VALUES | others
    assert values.keys() == FIELDS.keys(), "a field of a spec is not drawn by the tests: give it to VALUES"
    stages = draw(st.integers(1, most))
    found = {
        name: tuple(draw(values[name]) for _ in range(stages))
        for name in ("blocks", "widths", "mids", "expansions", "kernels", "groups", "strides")
    }
    found |= {name: draw(values[name]) for name in FIELDS if name not in found}
    found["mids"] = tuple(mid * groups for mid, groups in zip(found["mids"], found["groups"], strict=True))
    found["strides"] = (1, *found["strides"][1:])
    for name, kind in (("mids", "bottleneck"), ("groups", "bottleneck"), ("expansions", "inverted")):
        if found["kind"] != kind:
            del found[name]
    return ResNetSpec(**found)


def as_networks(spec: ResNetSpec, most: int) -> pools.Networks:
    """Return one network as arrays, with empty stages up to `most`."""
    absent = [0] * (most - spec.depth)
    others = {
        "inner": np.array([[*(spec.mids or spec.expansions or (0,) * spec.depth), *absent]]),
        "kernel": np.array([[*spec.kernels, *absent]]),
        "groups": np.array([[*(spec.groups or (1,) * spec.depth), *[1] * len(absent)]]),
        "halves": np.array([[*(stride - 1 for stride in spec.strides), *absent]]),
    }
    return pools.Networks(
        blocks=np.array([[*spec.blocks, *absent]]),
        widths=np.array([[*spec.widths, *[7] * len(absent)]]),
        stem_widths=np.array([spec.stem_width]),
        others=others,
        family=pools.Family(kind=spec.kind, squeeze=spec.squeeze, neck=spec.neck, pools=spec.shortcut == "pool"),
    )
