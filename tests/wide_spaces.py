"""Small spaces of several kinds of networks, and every network of one by brute force over specs."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.space.protocol import grid_size
from budgetnas.space.resnet import ResNetSpace

CHOICES = {
    "kinds": ("basic", "bottleneck", "inverted"),
    "groups": (1, "mid/2", "mid"),
    "mid_ratios": (0.125, 0.25, 0.5, 1.0),
    "expansions": (1, 2),
    "kernels": (1, 3, 5),
    "shortcuts": ("conv", "pool"),
    "squeeze": ("none", 4),
    "downsampling": ("all", "all_but_one", "-=", "=="),
    "stems": ("stage_1", 8, 5),
    "necks": ("none", 6),
}


@st.composite
def wide_spaces(draw: st.DrawFn) -> ResNetSpace:
    """Draw small spaces with two values of up to four choices."""
    wider = draw(st.sets(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=4))
    keys: dict[str, Any] = {
        name: tuple(draw(st.permutations(values))[: 1 + (name in wider)]) for name, values in CHOICES.items()
    }
    keys["widths"], keys["width_step"] = draw(st.sampled_from([((4, 9), 4), ((6, 10), 2), ((5, 5), 1)]))
    if not ({"all", "all_but_one"} & set(keys["downsampling"]) and keys["widths"] != (5, 5)):
        keys["downsampling"] = ("all", *(word for word in keys["downsampling"] if word != "all"))
    space = ResNetSpace(
        stages=draw(st.sampled_from([(1, 2), (2, 2), (1, 3)])),
        blocks=draw(st.sampled_from([(1, 1), (1, 2)])),
        monotone=draw(st.booleans()),
        shape=DataShape(height=draw(st.sampled_from([4, 8, 20])), width=9, channels=draw(st.sampled_from([1, 3]))),
        **keys,
    )
    assume(grid_size(space) <= 1_500 and not space.is_plain)
    return space


def networks(space: ResNetSpace) -> dict[str, ResNetSpec]:
    """Every network of a space by its id."""
    found = {}
    side = min(space.shape.height, space.shape.width)
    for stages in range(space.stages[0], space.stages[1] + 1):
        each = lambda values, stages=stages: list(product(values, repeat=stages))  # noqa: E731
        for joints, kind, shortcut, squeeze, stem, neck in product(
            {"".join(joints) for joints in product("-=", repeat=stages - 1)},
            space.kinds,
            space.shortcuts,
            space.squeeze,
            space.stems,
            space.necks,
        ):
            words = {"all": joints == "-" * (stages - 1), "all_but_one": joints.count("=") == 1, joints: True}
            if not any(words.get(word, False) for word in space.downsampling):
                continue
            if joints.count("-") and -(-side // 2 ** joints.count("-")) < 2:
                continue
            strides = (1, *(1 if joint == "=" else 2 for joint in joints))
            others: dict[str, Any] = {
                "kind": kind,
                "strides": strides,
                "shortcut": shortcut,
                "squeeze": None if squeeze == "none" else squeeze,
                "stem_width": 0 if stem == "stage_1" else stem,
                "neck": None if neck == "none" else neck,
            }
            blocks = range(space.blocks[0], space.blocks[1] + 1)
            for count_, widths, kernels in product(each(blocks), each(space.grid.tolist()), each(space.kernels)):
                if space.monotone and list(widths) != sorted(widths):
                    continue
                if any(joint == "=" and widths[i] == widths[i + 1] for i, joint in enumerate(joints)):
                    continue
                for inside in insides(space, kind, widths):
                    spec = ResNetSpec(blocks=count_, widths=widths, kernels=kernels, **others, **inside)
                    found[spec.id] = spec
    return found


def insides(space: ResNetSpace, kind: str, widths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Every choice inside the blocks of a network."""
    if kind == "basic":
        return [{}]
    if kind == "inverted":
        return [{"expansions": chosen} for chosen in product(space.expansions, repeat=len(widths))]
    found = []
    for group in space.groups:
        size = None if group == 1 else 1 if group == "mid" else int(group[4:])
        for ratios in product(space.mid_ratios, repeat=len(widths)):
            mids = [int(np.ceil(width * ratio)) for width, ratio in zip(widths, ratios, strict=True)]
            if size:
                mids = [max(2 * size, -(-mid // size) * size) for mid in mids]
            groups = tuple(mid // size if size else 1 for mid in mids)
            found.append({"mids": tuple(mids), "groups": groups})
    return found
