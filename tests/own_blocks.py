"""Kinds of blocks of a person's own, that of the example among them, as tests give their code to this process."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from budgetnas.arch import kinds
from budgetnas.arch.kinds import make_kind
from budgetnas.arch.layers import Act, AvgPool, Conv, Norm
from budgetnas.arch.resnet import squeeze_excitation

EXAMPLE = Path(__file__).parent.parent / "examples" / "09_own_block.py"


def example() -> Any:
    """Return the module of the example."""
    spec = importlib.util.spec_from_file_location("own_block", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Separable = example().Separable


class Gated(Separable):
    """Blocks with a mean, squeeze-excitation, and layers before the stride, so that MACs are of four sorts."""

    name = "Gated_2"

    def block(self, in_channels, out_channels, stride, kernel):
        wide = Conv(in_channels=in_channels, out_channels=2 * out_channels, kernel=kernel)
        down = (AvgPool(kernel=stride),) if stride > 1 else ()
        narrow = Conv(in_channels=2 * out_channels, out_channels=out_channels, kernel=1)
        return [wide, Norm(channels=2 * out_channels), Act(), *down, narrow, squeeze_excitation(out_channels, 4)]

    def cost(self, stages):
        width, before, rest = stages.width, stages.before, stages.blocks - 1
        gates = 2 * width * -(-width // 4)
        more = stages.kernel**2 * 2 * width
        others = stages.blocks * (4 * width + gates + width + -(-width // 4) + 2 * width**2)
        macs = before * more * stages.pixels_before + rest * width * more * stages.pixels
        macs = macs + stages.blocks * (2 * width**2 * stages.pixels + gates)
        return more * (before + rest * width) + others, macs


@contextlib.contextmanager
def given(code: Any | None = None) -> Iterator[None]:
    """Give the code of a kind to this process, by default that of the example, in place of any other."""
    before = dict(kinds._OWN)
    kinds._OWN.clear()
    kinds.register(make_kind(code or Separable(), word="own:Code", sha256="0" * 64))
    try:
        yield
    finally:
        kinds._OWN.clear()
        kinds._OWN.update(before)


@contextlib.contextmanager
def nothing_given() -> Iterator[None]:
    """Take all code away from this process."""
    with given():
        kinds._OWN.clear()
        yield
