"""`[evidence]` of a study file: the trainings that test the result of a search."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.config.models import read_names
from budgetnas.config.toml import within
from budgetnas.exceptions import UsageError

FOUND_CONTROLS = ("report", "scaled", "most_macs", "random")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceConfig:
    """`[evidence]`: trainings that test the result of a search.

    Attributes:
        controls: whether the winner and its controls are trained again, the same way, with fresh seeds.
        control_networks: the controls: "report" (the best model of Pei et al. that fits), "scaled" (ResNet-18, scaled
            to the cap), "most_macs", "random", and networks by name or id. Default: these four; on the user's own data
            without the first, unless `search.paper_models` is true.
        control_repeats: number of seeds for the winner and each control; default: as in the full trainings.
        looks: instead of it, rising numbers of seeds after each of which the winner is compared with the controls, the
            first at least 2; a control that is told apart gets no more. Default: one comparison.
        refit: whether these trainings learn from training and validation images together, since only the test set
            judges them.
        control_promotions: number of random networks that are trained in full too, whatever their score, so that
            fidelity is not estimated on winners only.
        random_control: whether random networks are fully trained until they cost as much as the whole search, and the
            best of them is a control of the winner.
    """

    controls: bool = False
    control_networks: tuple[str, ...] | None = None
    control_repeats: int | None = None
    looks: tuple[int, ...] | None = None
    refit: bool = False
    control_promotions: int = 0
    random_control: bool = False

    @property
    def compares(self) -> bool:
        """Whether the winner is compared with anything."""
        return self.controls or self.random_control

    def __post_init__(self) -> None:
        if self.control_networks is not None:
            names = read_names("evidence.control_networks", self.control_networks, others=FOUND_CONTROLS)
            object.__setattr__(self, "control_networks", names)
        within("evidence.control_repeats", self.control_repeats, 1)
        within("evidence.control_promotions", self.control_promotions, 0, 10_000)
        looks = list(self.looks or ())
        if self.looks is not None and not (
            looks and looks[0] >= 2 and looks[-1] <= 1_000 and looks == sorted(set(looks))
        ):
            raise UsageError(
                f"is {looks}, but must be seeds that rise, from 2 to 1,000, for example [3, 5, 8, 12].",
                argument="evidence.looks",
            )
        if looks and self.control_repeats is not None:
            raise UsageError(
                f"is {looks} beside `evidence.control_repeats`: leave one of them out.", argument="evidence.looks"
            )
        if (looks or self.refit) and not self.compares:
            key = "looks" if looks else "refit"
            raise UsageError(
                "needs `evidence.controls` or `evidence.random_control`, or nothing is trained again: set one of them, "
                "or leave this out.",
                argument=f"evidence.{key}",
            )
