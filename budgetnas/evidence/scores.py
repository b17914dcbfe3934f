"""The scores that a search may go by: their names, units and signs, and a score over training seeds.

Inside, a score is higher for a better network, so a loss is negative. `Score` alone turns it into what people read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from budgetnas.config.sections import ScoreName
from budgetnas.evidence.accuracy import BRACKETS, Accuracy, Interval
from budgetnas.text import write_percent


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A score by its name in a study file.

    Attributes:
        name: in a study file.
        words: in a sentence.
        is_share: whether it is a share in [0, 1], which people read in percent; else a loss, of which less is better.
    """

    name: ScoreName
    words: str
    is_share: bool = True

    @property
    def factor(self) -> int:
        """What a difference is multiplied by for people: 100 for points of a share."""
        return 100 if self.is_share else 1

    @property
    def unit(self) -> str:
        """The unit behind a number: " %", or "" for a loss."""
        return " %" if self.is_share else ""

    @property
    def highest(self) -> str:
        """The word for the best one: "highest", or "lowest" of losses."""
        return "highest" if self.is_share else "lowest"

    def of(self, split: str) -> str:
        """Name the score of a split: `validation` for accuracy, else `validation macro F1`."""
        return split if self.name == "accuracy" else f"{split} {self.words}"

    def head(self, split: str) -> str:
        """Return the header of a column of this score: `validation %` for accuracy, `test macro F1 %`, `test loss`."""
        return self.of(split) + self.unit

    def shown(self, value: float) -> float:
        """Return a score as people read it: a share in [0, 1], or a positive loss."""
        return value if self.is_share else -value

    def shown_interval(self, interval: Interval) -> Interval:
        """Return the interval of a score as people read it, the lower end first."""
        low, high = interval
        return interval if self.is_share else (-high, -low)

    def drawn(self, value: float) -> float:
        """Return a score as figures draw it, rounded to the digits that are shown: in percent, or a positive loss."""
        return round(100 * value, 2) if self.is_share else round(-value, 4)

    def hover(self, axis: str) -> str:
        """Return plotly's template of such a number on an axis."""
        return f"%{{{axis}:.2f}} %" if self.is_share else f"%{{{axis}:.4f}}"

    @property
    def comma_unit(self) -> str:
        """The unit behind the title of an axis: ", %", or "" for a loss."""
        return ", %" if self.is_share else ""

    def write(
        self, value: float, spread: float | None = None, interval: Interval | None = None, *, unit: str = ""
    ) -> str:
        """Write a score: `95.43 +- 0.12 [94.9, 95.9]` in percent, a loss as `0.2143 +- 0.0021 [0.201, 0.228]`.

        Args:
            value: the score.
            spread: standard deviation over seeds; None for none.
            interval: low and high; None for none.
            unit: text between the number and its interval, for a share.
        """
        if self.is_share:
            return write_percent(value, spread, interval, unit=unit)
        deviation = "" if spread is None else f" +- {spread:.4f}"
        ends = "" if interval is None else " [{:.3f}, {:.3f}]".format(*self.shown_interval(interval))
        return f"{self.shown(value):.4f}{deviation}{ends}"

    def write_interval(self, interval: Interval) -> str:
        """Write an interval: `[96.4, 99.2]` in percent, `[0.201, 0.228]` for a loss."""
        low, high = self.shown_interval(interval)
        return f"[{100 * low:.1f}, {100 * high:.1f}]" if self.is_share else f"[{low:.3f}, {high:.3f}]"

    @property
    def brackets(self) -> str:
        """What stands in brackets behind a score."""
        if self.name == "accuracy":
            return BRACKETS
        return f"In brackets: 95 % interval of {self.words} over the images, averaged where there are several seeds."


_ALL = (
    Score(name="accuracy", words="accuracy"),
    Score(name="balanced_accuracy", words="balanced accuracy"),
    Score(name="macro_f1", words="macro F1"),
    Score(name="loss", words="loss", is_share=False),
)
SCORES: dict[str, Score] = {score.name: score for score in _ALL}
ACCURACY = SCORES["accuracy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreOverSeeds:
    """A score of a network on a split, over its training seeds.

    Attributes:
        score: which one.
        shares: of each seed, higher for a better network; at least one.
        intervals: of each of these over the images.
    """

    score: Score
    shares: Sequence[float]
    intervals: Sequence[Interval]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return mean(self.shares)

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds; None with one seed."""
        return stdev(self.shares) if len(self.shares) > 1 else None

    @property
    def interval(self) -> Interval:
        """Means of the ends of all intervals; more seeds do not narrow it."""
        return mean(low for low, _ in self.intervals), mean(high for _, high in self.intervals)

    def write(self, unit: str = "") -> str:
        """Write it as people read it; `unit` stands between the number and its interval, for a share."""
        return self.score.write(self.mean, self.spread, self.interval, unit=unit)

    def __str__(self) -> str:
        return self.write()


OverSeeds = Accuracy | ScoreOverSeeds
