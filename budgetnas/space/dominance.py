"""A wavelet matrix: counts, or finds the largest of, the values below a threshold in a prefix of a list.

Claude, Navarro and Ordonez, "The wavelet matrix" (Information Systems 47, 2015).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import IntArray


class DominanceCounter:
    """Answers "how many of the first k values are at most v" in O(log N).

    Args:
        values: [N] in the order of the first coordinate.
    """

    def __init__(self, values: IntArray) -> None:
        self._sorted = np.sort(values)
        ranks = np.searchsorted(self._sorted, values).astype(np.int32)
        self._bits = max(1, len(values).bit_length())
        self._zeros: list[npt.NDArray[np.int32]] = []
        for level in reversed(range(self._bits)):
            is_zero = ranks & (1 << level) == 0
            zeros = np.zeros(len(ranks) + 1, dtype=np.int32)
            np.cumsum(is_zero, out=zeros[1:])
            self._zeros.append(zeros)
            ranks = np.concatenate([ranks[is_zero], ranks[~is_zero]])

    def count(self, first: IntArray, at_most: IntArray) -> IntArray:
        """Count the values up to `at_most` among the first `first` values; both [Q], result [Q]."""
        rank = np.searchsorted(self._sorted, at_most, side="right")
        found = np.zeros(len(first), dtype=np.int64)
        low = np.zeros(len(first), dtype=np.int64)
        high = first.astype(np.int64)
        for zeros, level in zip(self._zeros, reversed(range(self._bits)), strict=True):
            is_one = (rank >> level) & 1 == 1
            low_zeros, high_zeros = zeros[low], zeros[high]
            found += np.where(is_one, high_zeros - low_zeros, 0)
            low = np.where(is_one, zeros[-1] + low - low_zeros, low_zeros)
            high = np.where(is_one, zeros[-1] + high - high_zeros, high_zeros)
        return found

    def largest(self, first: IntArray, last: IntArray, at_most: IntArray) -> IntArray:
        """Return the largest value up to `at_most` among values `first` to `last` - 1; all [Q].

        Every query must have such a value.
        """
        below = self.count(last, at_most) - self.count(first, at_most)
        rank, left = below - 1, np.zeros(len(first), dtype=np.int64)
        low, high = first.astype(np.int64), last.astype(np.int64)
        for zeros, level in zip(self._zeros, reversed(range(self._bits)), strict=True):
            low_zeros, high_zeros = zeros[low], zeros[high]
            inside = high_zeros - low_zeros
            is_one = rank >= inside
            rank = np.where(is_one, rank - inside, rank)
            left += np.where(is_one, 1 << level, 0)
            low = np.where(is_one, zeros[-1] + low - low_zeros, low_zeros)
            high = np.where(is_one, zeros[-1] + high - high_zeros, high_zeros)
        return self._sorted[left]
