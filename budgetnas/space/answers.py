"""The answers of an index that goes through a whole space for each, as arrays that can be stored and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from budgetnas.arrays import Array, IntArray
from budgetnas.space.listing import Listing
from budgetnas.space.members import Member, Members

Question = tuple[int, int, int]  # what is extreme, and between which params
_NAMES = (
    *("strata", "thresholds", "counts", "questions", "found", "points", "bands", "sizes"),
    *("kept_points", "kept_params", "kept_macs", "kept_strata"),
)


@dataclass(kw_only=True)
class Answers:
    """The facts that are known of a space under a cap on MACs.

    Attributes:
        strata: [S] the strata.
        counts: by threshold, the members with params up to it: [2, S], under the cap on MACs and without it.
        extremes: by question, the member; None where there is none.
        kept: by (low, high), draws from the members of a band.
    """

    strata: Sequence[int]
    counts: dict[int, IntArray] = field(default_factory=dict)
    extremes: dict[Question, Member | None] = field(default_factory=dict)
    kept: dict[tuple[int, int], Listing] = field(default_factory=dict)

    def state(self, space: bytes) -> dict[str, Array]:
        """Return all as arrays, with a digest of them and of `space`, which says whose answers they are."""
        questions = sorted(self.extremes, key=lambda question: self.extremes[question] is None)  # found ones first
        members = [member for question in questions if (member := self.extremes[question]) is not None]
        kept = [*self.kept.values()]
        arrays: dict[str, Array] = {
            "strata": np.array(self.strata, dtype=np.int64),
            "thresholds": np.array([*self.counts], dtype=np.int64),
            "counts": np.array([*self.counts.values()], dtype=np.int64).reshape(len(self.counts), 2, len(self.strata)),
            "questions": np.array(questions, dtype=np.int64).reshape(-1, 3),
            "found": np.array([(member.params, member.macs) for member in members], dtype=np.int64).reshape(-1, 2),
            "points": np.array([member.point for member in members], dtype=np.int64),
            "bands": np.array([*self.kept], dtype=np.int64).reshape(-1, 2),
            "sizes": np.array([len(one) for one in kept], dtype=np.int64),
        }
        for name in ("points", "params", "macs", "strata"):
            parts = [getattr(one, name) for one in kept]
            arrays[f"kept_{name}"] = (
                np.concatenate(parts) if parts else np.zeros((0,) * (1 + (name == "points")), np.int64)
            )
        return {**arrays, "space": _bytes(space), "digest": _digest(arrays, space)}

    @classmethod
    def read(cls, state: Mapping[str, Array], space: bytes) -> Answers:
        """Read back what `state` returned.

        Raises:
            ValueError: it is of another space, cap on MACs, seed or version, or it is damaged.
        """
        missing = sorted({*_NAMES, "space", "digest"} - state.keys())
        if missing:
            raise ValueError(f"the stored index lacks `{missing[0]}`: make it again")
        if state["space"].tobytes() != space:
            raise ValueError("the stored index is of another space, cap on MACs, seed or version: make it again")
        arrays = {name: np.asarray(state[name]) for name in _NAMES}
        if state["digest"].tobytes() != _digest(arrays, space).tobytes():
            raise ValueError("the stored index is damaged: make it again")
        members = Members(points=arrays["points"], params=arrays["found"][:, 0], macs=arrays["found"][:, 1])
        questions = [(int(kind), int(low), int(high)) for kind, low, high in arrays["questions"]]
        ends = np.cumsum(arrays["sizes"]).tolist()
        parts = [slice(end - size, end) for end, size in zip(ends, arrays["sizes"].tolist(), strict=True)]
        return cls(
            strata=arrays["strata"].tolist(),
            counts=dict(zip(arrays["thresholds"].tolist(), arrays["counts"], strict=True)),
            extremes={one: members.at(i) if i < len(members) else None for i, one in enumerate(questions)},
            kept={
                (int(low), int(high)): Listing(
                    Members(**{name: arrays[f"kept_{name}"][part] for name in ("points", "params", "macs")}),
                    arrays["kept_strata"][part],
                )
                for (low, high), part in zip(arrays["bands"], parts, strict=True)
            },
        )


def _bytes(values: bytes) -> Array:
    return np.frombuffer(values, dtype=np.uint8)


def _digest(arrays: Mapping[str, Array], space: bytes) -> Array:
    """Hash every array's name, type, shape and content, and whose they are."""
    digest = hashlib.blake2b(space, digest_size=16)
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.tobytes())
    return _bytes(digest.digest())
