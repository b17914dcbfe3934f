"""Whether a score is one that luck alone gives."""

from __future__ import annotations

from scipy.stats import binom

RARE = 0.0005  # once in 2,000: a search has a hundred scores, and the answers for alike images are not independent


def is_luck(right: int, images: int, *, chance: float) -> bool:
    """Tell whether guesses are as often right by luck: a one-sided binomial test at the level `RARE`.

    >>> is_luck(560, 5000, chance=0.1), is_luck(600, 5000, chance=0.1)
    (True, False)

    Args:
        right: images that were right.
        images: of the split.
        chance: that one of them is right, in (0, 1].
    """
    return float(binom.sf(right - 1, images, chance)) > RARE
