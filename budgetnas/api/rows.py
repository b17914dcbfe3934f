"""Results of several rows, with a table as their representation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetnas.text import Display, html_table

if TYPE_CHECKING:
    import pandas as pd

    from budgetnas.certificates.predict import Prediction

_SHOWN = 20  # rows in a notebook


class Rows(Display, Sequence[Any]):
    """Several results of one kind.

    Args:
        items: the results.
        rows: cells by column, one or more rows per result.

    Attributes:
        columns: names of the columns, for a frame without rows.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, items: Iterable[Any], rows: Iterable[Mapping[str, Any]]) -> None:
        self._items, self._rows = tuple(items), tuple(rows)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place: Any) -> Any:
        return self._items[place]

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        import pandas as pd

        return pd.DataFrame(list(self._rows), columns=None if self._rows else list(self.columns))

    def _repr_html_(self) -> str:
        """Write the first rows for a notebook."""
        shown, rest = self._rows[:_SHOWN], len(self._rows) - _SHOWN
        more = f"<p>{rest:,} more rows</p>" if rest > 0 else ""
        return html_table(repr(self), list(shown[0]) if shown else (), [list(row.values()) for row in shown]) + more


class CapResults(Rows):
    """The best network of a search under each of several caps, ascending."""

    def brief(self) -> Mapping[str, str]:
        """Return the network under each cap."""
        return {f"{row['max_params']:,}": row["spec"] or "none" for row in self._rows}


class Verification(Rows):
    """The checks of a certificate, in order: `name`, `passed` (None if it cannot run here) and `told`, the finding."""

    @property
    def passed(self) -> bool:
        """Whether no check failed; one that cannot run here does not fail."""
        return all(check.passed is not False for check in self)

    def brief(self) -> Mapping[str, str]:
        """Return whether the certificate holds, or the failed checks."""
        failed = [check.name for check in self if check.passed is False]
        return (
            {"holds": "yes", "checks": f"{len(self)}"} if self.passed else {"holds": "no", "failed": " ".join(failed)}
        )


class Predictions(Rows):
    """The classes of images, in order, each with `image` and `classes` (label from 0, name, softmax).

    Attributes:
        faults: a line for each image that cannot be read.
    """

    columns = ("id", "rank", "label", "class", "share")

    def __init__(self, items: Sequence[Prediction], faults: Iterable[str]) -> None:
        super().__init__(
            items,
            [
                {"id": one.image.id, "rank": rank, "label": label, "class": name, "share": share}
                for one in items
                for rank, (label, name, share) in enumerate(one.classes, 1)
            ],
        )
        self.faults = tuple(faults)

    def brief(self) -> Mapping[str, str]:
        """Return the numbers of classified and of unreadable images."""
        unreadable = {"unreadable": f"{len(self.faults):,}"} if self.faults else {}
        return {"images": f"{len(self):,}", **unreadable}
