"""The recommended length of short trainings: the shortest that is not shown to rank worse than any longer one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.fidelity import FEWEST_PAIRS, difference, kendall, tau
from budgetnas.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """A recommended length.

    Attributes:
        epochs: length of a short training; None where no length can be recommended.
        text: the recommendation with its reasons, in one or two sentences.
    """

    epochs: int | None
    text: str


def recommend(
    lengths: Mapping[int, npt.ArrayLike],
    full: npt.ArrayLike,
    *,
    rivals: Mapping[str, npt.ArrayLike] | None = None,
    seed: int = 0,
) -> Recommendation:
    """Choose the length of short trainings by how they rank networks that were also fully trained.

    Only lengths whose interval of tau is above 0 count. The shortest is chosen that is not shown to be worse than a
    longer one (no paired interval of tau(longer) - tau(shorter) is above 0), nor than a rival. Intervals are not
    corrected for multiple comparisons: with many lengths some difference will look real by chance.

    Args:
        lengths: from the epochs of short trainings to their scores [N], at least one length.
        full: [N] scores of full trainings.
        rivals: from the name of a ranking without training ("params", "MACs") to its values [N]; the best is compared.
        seed: seed of the bootstrap.
    """
    assert lengths, "no length was tried"
    n = len(np.asarray(full))
    if n < FEWEST_PAIRS:
        return Recommendation(
            epochs=None, text=f"Too few pairs to judge: {n} of the {FEWEST_PAIRS} networks that are needed."
        )
    taus = {epochs: tau(lengths[epochs], full, seed=seed) for epochs in sorted(lengths)}
    ranking = [epochs for epochs, found in taus.items() if found.is_above_zero]
    if not ranking:
        others = {name: tau(values, full, seed=seed) for name, values in (rivals or {}).items()}
        return Recommendation(epochs=None, text=_none_ranks(taus, others, n))
    unbeaten = [short for short in ranking if not _is_beaten(short, ranking, lengths, full, seed=seed)]
    rival = _best_rival(rivals or {}, full)
    if rival is None:
        return Recommendation(epochs=unbeaten[0], text=_ranks(unbeaten[0], taus, lengths, full, seed=seed))
    name, value = rival
    leads = {epochs: difference(lengths[epochs], (rivals or {})[name], full, seed=seed) for epochs in unbeaten}
    good = [epochs for epochs in unbeaten if not leads[epochs].is_below_zero]
    epochs = good[0] if good else unbeaten[0]
    text = _ranks(epochs, taus, lengths, full, seed=seed)
    those = f"those of {plural(epochs, 'epoch')}"
    against = f"{name} alone (tau {value:z.2f}; the difference is {leads[epochs]})"
    if not good:
        longer = " So do the longer ones." if len(unbeaten) > 1 else ""
        return Recommendation(epochs=None, text=f"{text} But {those} rank worse than {against}.{longer}")
    if leads[epochs].is_above_zero:
        text += f" {those.capitalize()} rank better than {against}."
    else:
        text += f" It is not shown that short training ranks better here than {against}."
    worse = [plural(one, "epoch") for one in unbeaten[: unbeaten.index(epochs)]]
    if worse:
        text += f" Shorter ones, of {' and '.join(worse)}, rank worse than {name} alone."
    return Recommendation(epochs=epochs, text=text)


def _ranks(
    epochs: int,
    taus: Mapping[int, Estimate],
    lengths: Mapping[int, npt.ArrayLike],
    full: npt.ArrayLike,
    *,
    seed: int,
) -> str:
    """Say how well short trainings of a length rank, and by how much the best longer ones are ahead."""
    n = taus[epochs].n
    longest = epochs == max(taus)
    reason = "longer ones were not tried" if longest else "longer ones are not shown to rank better"
    short = f"Short trainings of {plural(epochs, 'epoch')}"
    text = f"{short} rank {n} networks with a Kendall's tau of {taus[epochs]}; {reason}."
    known = [one for one in taus if one > epochs and not np.isnan(taus[one].value)]
    longer = max(known, key=lambda one: taus[one].value, default=None)
    if longer is not None and taus[longer].value > taus[epochs].value:
        more = difference(lengths[longer], lengths[epochs], full, seed=seed)
        text += f" {plural(longer, 'epoch')} reach {taus[longer]}: a difference of {more}, not shown with {n} networks."
    return text


def _is_beaten(
    short: int, ranking: Sequence[int], lengths: Mapping[int, npt.ArrayLike], full: npt.ArrayLike, *, seed: int
) -> bool:
    """Return whether a longer training is shown to rank better."""
    longer = (epochs for epochs in ranking if epochs > short)
    return any(difference(lengths[epochs], lengths[short], full, seed=seed).is_above_zero for epochs in longer)


def _best_rival(rivals: Mapping[str, npt.ArrayLike], full: npt.ArrayLike) -> tuple[str, float] | None:
    """Return the name and the tau of the best rival; None if none varies."""
    taus = [(kendall(values, full), name) for name, values in rivals.items()]
    known = [(value, name) for value, name in taus if not np.isnan(value)]
    if not known:
        return None
    value, name = max(known)
    return name, value


def _none_ranks(taus: Mapping[int, Estimate], rivals: Mapping[str, Estimate], n: int) -> str:
    text = f"No length of short training is shown to rank these {n} networks: no interval of Kendall's tau is above 0"
    known = [epochs for epochs, found in taus.items() if not np.isnan(found.value)]
    if known:
        best = max(known, key=lambda epochs: taus[epochs].value)
        text += f" (the highest is {taus[best]}, at {plural(best, 'epoch')})"
    shown = [f"{name} alone does (tau {found})" for name, found in rivals.items() if found.is_above_zero]
    return f"{text}. But {' and '.join(shown)}." if shown else f"{text}."
