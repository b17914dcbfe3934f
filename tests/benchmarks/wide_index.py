"""How long the exact index of a space of many large chains takes: `python tests/benchmarks/wide_index.py`.

Basic and bottleneck blocks of 19 widths, free in their order, up to 8 blocks, kernels of 3 and 5, mids of an eighth to
a half of the width in groups or not, all stages but at most one halving the image, with a neck or without: 60 strata,
16 of them of 912^4 networks in two versions each. Prints seconds of one core, and the most memory.
"""

from __future__ import annotations

import resource
import time
from itertools import product

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.spec import DataShape
from budgetnas.space.band import choose_band, fitting, make_index
from budgetnas.space.chain import Chain
from budgetnas.space.protocol import Dimension, Space

WIDTHS = np.array([8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256])
BLOCKS, KERNELS, EIGHTHS = range(1, 9), (3, 5), (1, 2, 4)
KINDS = (("basic", False), ("bottleneck", False), ("bottleneck", True))  # and whether the middle is in groups of 4
NECKS = (None, 512)
SHAPE = DataShape()
CAP, MAX_MACS = 5_000_000, 2_270_000_000
SHARES = (0.9, 0.95, 0.99)


class Wide(Space):
    """The space, as tables alone."""

    dimensions = tuple(Dimension(name=f"column {i}", values=range(1_000)) for i in range(18))

    def chains(self) -> dict[int, Chain]:
        masks = []
        for transitions in range(4):
            masks += [(1,) * transitions, *(tuple(int(i != j) for i in range(transitions)) for j in range(transitions))]
        return {i: chain(*choices) for i, choices in enumerate(product(masks, KINDS, NECKS))}


def chain(halves: tuple[int, ...], kind: tuple[str, bool], neck: int | None) -> Chain:
    """Return the tables of one stratum."""
    name, is_grouped = kind
    eighths = EIGHTHS if name == "bottleneck" else (0,)
    blocks, link, eighth, kernel = np.array(list(product(BLOCKS, range(len(WIDTHS)), eighths, KERNELS))).T
    width = WIDTHS[link]
    mid = np.maximum(8, -(-width * eighth // 32) * 4)
    family = pools.Family(kind=name, neck=neck)
    steps, done = [], 0
    for stage, halving in enumerate((0, *halves)):
        one = pools.Stages(
            blocks=blocks[None],
            width=width[None],
            before=WIDTHS[:, None] if stage else width[None],
            inner=mid[None],
            kernel=kernel[None],
            groups=mid[None] // 4 if is_grouped else 1,
            halves=halving,
            pixels=pools.pixels(SHAPE, done + halving),
            pixels_before=pools.pixels(SHAPE, done),
        )
        done += halving
        stem = pools.stem(width, SHAPE) if not stage else (0, 0)
        params, macs = (cost + more for cost, more in zip(pools.stage(one, family), stem, strict=True))
        steps.append((params, macs))
    base = np.zeros((2, 18), dtype=np.int64)
    base[1, 1] = 1  # the shortcut
    return Chain(
        states=np.stack([blocks, width, mid, kernel], axis=1),
        columns=np.array([[2 + i, 6 + i, 10 + i, 14 + i] for i in range(len(steps))]),
        base=base,
        link=link,
        steps=steps,
        allowed=None,
        end=pools.head(WIDTHS, SHAPE, neck=neck, on=pools.pixels(SHAPE, done)),
    )


def main() -> None:
    started = time.process_time()

    def lap(words: str) -> None:
        nonlocal started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{words}: {time.process_time() - started:.1f} s, at most {peak:.2f} GiB", flush=True)
        started = time.process_time()

    index = make_index(Wide(), max_macs=MAX_MACS, max_params=CAP)
    lap(f"{len(index.space.chains())} chains of {index.size():.3g} networks, {index.method}")
    largest = index.largest(CAP)
    lap(f"the largest has {largest.params:,} parameters")
    band = index.band(round(0.8 * largest.params), largest.params, also=[round(share * CAP) - 1 for share in SHARES])
    lap(
        f"a band of {len(band):.3g} networks, counts at {3 + len(SHARES)} thresholds and draws (target < 90 s, 1.5 GiB)"
    )
    assert choose_band(index, CAP, min_utilisation=0.8, wanted=1_000).counts == band.counts
    excluded = sum(int(n[0]) for n in index.counts(np.array([CAP]), ignore_macs=True).values()) - fitting(index, CAP)
    lap(f"the cap on MACs excludes {excluded:.3g} of those within {CAP:,} parameters")
    most = index.most_macs(band.low, band.high)
    lap(f"the most MACs are {most.macs:,}")
    state = index.state()
    lap(f"a state of {sum(values.nbytes for values in state.values()) / 2**20:.0f} MiB")
    type(index).restore(state, index.space, max_macs=MAX_MACS)
    lap("read back")


if __name__ == "__main__":
    main()
