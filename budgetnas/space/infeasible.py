"""Why no network of a space fits a budget: a cap that nothing meets, and the network that has least of its cost."""

from __future__ import annotations

import numpy as np

from budgetnas.amounts import write_size
from budgetnas.budget import SIZES, Budget, write_cost
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space.chain import Prices
from budgetnas.space.members import Member, cost
from budgetnas.space.protocol import Space


def least(space: Space, name: str, budget: Budget) -> Member:
    """Return the network of a space that has least of one cost, at the precision of a budget but without its caps."""
    prices = Prices(main=name, second="params" if name == "macs" else "macs", weights=budget.weights)
    join = np.maximum if name == "memory" else np.add
    chains = space.chains_of(prices).values()
    point, _, _ = min((chain.cheapest(join) for chain in chains if chain.size()), key=lambda one: one[1])
    return cost(space, point[None], Budget(max_bytes=1, max_memory=1, weights=budget.weights)).at(0)


def nothing_fits(space: Space, budget: Budget, smallest: Member | None) -> InfeasibleBudgetError:
    """Return the error that names the cap that nothing meets, or that nothing meets together with the others.

    Args:
        space: with chains, bytes and memory.
        budget: the caps, which no network fits.
        smallest: the network that has least of the cost of the budget's band, of those that fit the other caps.
    """
    caps = budget.caps()
    for name, cap in caps.items():
        one = least(space, name, budget)
        if getattr(one, name) > cap:
            return _error(space, budget, name, one, "no architecture of the space has less than")
    if smallest is None:
        last = [*caps][-1]
        others = " and ".join(
            write_cost(cap, name) for name, cap in caps.items() if name not in (last, budget.band_cost)
        )
        return InfeasibleBudgetError(
            f"is {write_value(caps[last], last)}, but no architecture of the space that fits it has at most {others}: "
            "raise one of these caps.",
            argument=f"max_{last}",
        )
    return _error(
        space, budget, budget.band_cost, smallest, "no architecture of the space that fits the other caps has less than"
    )


def _error(space: Space, budget: Budget, name: str, one: Member, rule: str) -> InfeasibleBudgetError:
    weights = f" in {budget.weights}" if name in SIZES else ""
    return InfeasibleBudgetError(
        f"is {write_value(budget.caps()[name], name)}, but {rule} {write_cost(getattr(one, name), name)}{weights} "
        f"({space.decode(one.point)}): raise the cap, or lower the ranges of the space (`space.widths`).",
        argument=f"max_{name}",
    )


def write_value(cap: int, name: str) -> str:
    """Write the cap on a cost as an argument's value.

    >>> write_value(128 * 1024, "memory"), write_value(5_000, "params")
    ('128 KiB', '5,000')
    """
    return write_size(cap) if name in SIZES else f"{cap:,}"
