"""A note on training images of which some classes have many more than others."""

from __future__ import annotations

from budgetnas.config.sections import ScoreName
from budgetnas.data.dataset import Dataset, uneven
from budgetnas.text import plural, printable

_UNEVEN_SCORES = ("accuracy", "loss")  # in which a large class counts more


def uneven_classes(data: Dataset, class_weights: str, score: ScoreName | None) -> str | None:
    """Say that classes differ much in size, and which keys help; None where they do not, or both keys are set.

    Args:
        data: the data set.
        class_weights: as `data.class_weights` has it.
        score: as `search.score` has it; None where nothing is chosen by a score.
    """
    found = uneven(data)
    keys = ["`data.class_weights=balanced` weighs them alike in training"] if class_weights == "none" else []
    keys += ["`search.score=balanced_accuracy` weighs them alike in the choice"] if score in _UNEVEN_SCORES else []
    if found is None or not keys:
        return None
    large, most, small, fewest = found
    return (
        f"Classes differ in size: {printable(large)} has {plural(most, 'training image')}, {printable(small)} "
        f"{fewest:,}. {', and '.join(keys)}."
    )
