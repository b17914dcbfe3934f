"""NumPy as this package uses it: types of arrays, and a stream of random numbers for each purpose."""

from __future__ import annotations

from base64 import b64decode, b64encode
from enum import IntEnum, unique
from math import prod
from typing import Any
from zlib import compress, decompressobj, error

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@unique
class Stream(IntEnum):
    """A use of random numbers. Its number never changes, or studies would resume differently."""

    UNSEEN = 0
    FRESH = 1
    PROPOSAL = 2
    OPTUNA = 3
    PROMOTION = 4
    CONTROL = 5
    CALIBRATION = 6
    TIERS = 7
    STRATA = 8
    RANDOM_ARM = 9
    OUTLOOK = 10
    EARLY = 11
    CHANCE = 12


def generator(seed: int, number: int, use: Stream) -> np.random.Generator:
    """Return the generator of one use, for the trial or round `number`.

    The key always has all three parts: NumPy fills a shorter one with zeros, so it would equal that of another use.
    """
    return np.random.default_rng([seed, number, use])


def derived_seed(*key: int) -> int:
    """Return a seed in [0, 2^32) that depends on every part of the key."""
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def packed(values: BoolArray) -> str:
    """Write truth values as text: eight to a byte, in base64.

    >>> packed(np.array([True, False, True]))
    'oA=='
    """
    return b64encode(np.packbits(values).tobytes()).decode()


def unpacked(text: str, number: int) -> BoolArray | None:
    """Read so many truth values that `packed` wrote; None where the text does not hold them."""
    try:
        found = np.frombuffer(b64decode(text, validate=True), dtype=np.uint8)
    except ValueError:
        return None
    return np.unpackbits(found, count=number).astype(np.bool_) if len(found) == -(-number // 8) else None


def packed_counts(counts: IntArray) -> str:
    """Write counts below 2^32 as text: compressed, in base64.

    >>> unpacked_counts(packed_counts(np.array([[3, 0], [1, 2]])), (2, 2)).tolist()
    [[3, 0], [1, 2]]
    """
    return b64encode(compress(counts.astype("<u4").tobytes(), 9)).decode()


def unpacked_counts(text: str, shape: tuple[int, ...]) -> IntArray | None:
    """Read counts of a shape that `packed_counts` wrote; None where the text does not hold them."""
    found = _inflated(text, 4 * prod(shape))
    return None if found is None else np.frombuffer(found, dtype="<u4").astype(np.int64).reshape(shape)


def packed_numbers(values: FloatArray) -> str:
    """Write numbers as text: 16-bit floats, compressed, in base64.

    >>> unpacked_numbers(packed_numbers(np.array([0.5, -2.0])), 2)
    array([ 0.5, -2. ])
    """
    return b64encode(compress(values.astype("<f2").tobytes(), 9)).decode()


def unpacked_numbers(text: str, number: int) -> FloatArray | None:
    """Read so many numbers that `packed_numbers` wrote; None where the text does not hold them."""
    found = _inflated(text, 2 * number)
    return None if found is None else np.frombuffer(found, dtype="<f2").astype(np.float64)


def _inflated(text: str, size: int) -> bytes | None:
    """Return compressed bytes in base64; None where the text does not hold so many."""
    try:
        found = decompressobj().decompress(b64decode(text, validate=True), size + 1)
    except (ValueError, error):
        return None
    return found if len(found) == size else None
