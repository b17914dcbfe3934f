"""A wavelet tree of 64 branches: counts, or finds one of, the values up to a threshold in a part of a list.

Grossi, Gupta and Vitter, "High-order entropy-compressed text indexes" (SODA 2003). A node here holds consecutive ranks
in the order of the list, so all nodes but the last are full, and every one starts at a multiple of 64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import IntArray

_BITS = 6  # of a rank, read at each level
_RADIX = 1 << _BITS  # also the positions of a block, which share a row of cumulative counts
_ALL = ~np.uint64(0)
_FIRST = np.array([(1 << number) - 1 for number in range(_RADIX + 1)], dtype=np.uint64)  # bits of a word


def sort_stably(values: IntArray) -> tuple[IntArray, IntArray]:
    """Return the values in ascending order, and the index of each in `values`, lower ones first among equals: [N]."""
    bits = len(values).bit_length()
    if len(values) and values.min() >= 0 and int(values.max()).bit_length() + bits < 64:
        keys = np.sort((values << bits) | np.arange(len(values)))  # vectorised, unlike argsort
        return keys >> bits, keys & ((1 << bits) - 1)
    order = np.argsort(values, kind="stable")
    return values[order], order


class DominanceCounter:
    """Answers "how many of the first k values are at most v" in O(log N).

    Args:
        values: [N] in the order of the first coordinate.
    """

    def __init__(self, values: IntArray) -> None:
        self._sorted, order = sort_stably(values)
        size, places = len(values), order.astype(np.int32)
        ranks = np.empty(size, dtype=np.int32)
        ranks[places] = np.arange(size, dtype=np.int32)
        depth = -(-max(1, size.bit_length()) // _BITS)
        self._levels = [_Level(ranks, size >> (depth - 1) * _BITS, (depth - 1) * _BITS)]
        for shift in reversed(range(0, (depth - 1) * _BITS, _BITS)):
            nodes = np.full(-(-size >> shift + _BITS) << shift + _BITS, size, dtype=np.int32)
            nodes[:size] = places
            nodes = np.sort(nodes.reshape(-1, 1 << shift + _BITS), axis=1).ravel()[:size]
            self._levels.append(_Level(ranks[nodes], _RADIX - 1, shift))

    def count(self, first: IntArray, at_most: IntArray) -> IntArray:
        """Count the values up to `at_most` among the first `first` values; both [Q], result [Q]."""
        return self._count(first, np.searchsorted(self._sorted, at_most, side="right"))

    def _count(self, first: IntArray, rank: IntArray) -> IntArray:
        found = np.zeros(len(first), dtype=np.int64)
        node, inside = np.zeros(len(first), dtype=np.int64), first.astype(np.int64)
        for level in self._levels:
            less, inside = level.before(node, inside, rank)
            found += less
            node = rank >> level.shift << level.shift
        return found

    def select(self, first: IntArray, last: IntArray, at_most: IntArray, number: IntArray) -> IntArray:
        """Return the position of the value up to `at_most` that `number` such precede from `first` on; all [Q].

        Every query must have such a value before `last`.
        """
        rank = np.searchsorted(self._sorted, at_most, side="right")
        wanted = self._count(first, rank) + number
        low, high = first.astype(np.int64), last.astype(np.int64) - 1
        while len(open_ := np.flatnonzero(low < high)):
            middle = (low[open_] + high[open_]) // 2
            has = self._count(middle + 1, rank[open_]) > wanted[open_]
            high[open_] = np.where(has, middle, high[open_])
            low[open_] = np.where(has, low[open_], middle + 1)
        return low

    def largest(self, first: IntArray, last: IntArray, at_most: IntArray) -> IntArray:
        """Return the largest value up to `at_most` among values `first` to `last` - 1; all [Q].

        Every query must have such a value.
        """
        rank = np.searchsorted(self._sorted, at_most, side="right")
        left = self._count(last, rank) - self._count(first, rank) - 1  # smaller values of the range
        low, high, node = first.astype(np.int64), last.astype(np.int64), np.zeros(len(first), dtype=np.int64)
        for level in self._levels:
            digit = np.zeros(len(first), dtype=np.int64)
            for bit in reversed(range(level.bits)):
                trial = np.minimum(digit | 1 << bit, level.most)
                less = [level.before(node, inside, trial << level.shift)[0] for inside in (low, high)]
                digit = np.where(less[1] - less[0] <= left, trial, digit)
            found = digit << level.shift
            (low_less, low), (high_less, high) = (level.before(node, inside, found) for inside in (low, high))
            left -= high_less - low_less
            node += found
        return self._sorted[node]


class _Level:
    """One digit of every rank, in the order of the nodes at this level.

    Args:
        ranks: [N] by node, within a node in the order of the list.
        most: the largest digit.
        shift: bits of a rank below the digit.
    """

    def __init__(self, ranks: npt.NDArray[np.int32], most: int, shift: int) -> None:
        self.shift, self.most, self.bits = shift, most, max(1, most.bit_length())
        digits = (ranks >> shift & _RADIX - 1).astype(np.uint8)
        blocks = (len(digits) >> _BITS) + 1
        self._planes = []  # bit by bit, a word for each block
        for bit in reversed(range(self.bits)):
            plane = np.zeros(blocks * _RADIX // 8, dtype=np.uint8)
            packed = np.packbits(digits & (1 << bit), bitorder="little")
            plane[: len(packed)] = packed
            self._planes.append((bit, plane.view("<u8")))
        self._width = most + 2
        self._less: npt.NDArray[np.int32] | None = None  # per block, the smaller digits of its node before it
        if shift:
            where = (np.arange(len(digits)) >> _BITS) * (most + 1) + digits
            counts = np.bincount(where, minlength=blocks * (most + 1)).astype(np.int32).reshape(blocks, most + 1)
            less = np.zeros((blocks, self._width), dtype=np.int32)
            np.cumsum(counts[:-1], axis=1, out=less[1:, 1:])
            np.cumsum(less, axis=0, out=less)
            if most + 1 == _RADIX:
                less -= less[np.arange(blocks) >> shift << shift]
            self._less = less.ravel()

    def before(self, node: IntArray, inside: IntArray, rank: IntArray) -> tuple[IntArray, IntArray]:
        """Count the first `inside` digits of a node that are smaller than that of `rank`, and equal: [Q] each.

        `node` is the position at which the node starts.
        """
        digit = rank >> self.shift & _RADIX - 1
        full = np.maximum(inside - 1, 0) >> _BITS  # blocks before that of the last digit
        block = (node >> _BITS) + full
        equal = _FIRST[inside - (full << _BITS)]
        smaller = np.zeros(len(block), dtype=np.uint64)
        for bit, plane in self._planes:
            one, word = np.where(digit >> bit & 1, _ALL, np.uint64(0)), plane[block]
            smaller |= equal & one & ~word
            equal &= ~(one ^ word)
        less, same = np.bitwise_count(smaller).astype(np.int64), np.bitwise_count(equal).astype(np.int64)
        if self._less is not None:
            row = block * self._width + digit
            upto = self._less[row]
            less, same = less + upto, same + self._less[row + 1] - upto
        return less, same
