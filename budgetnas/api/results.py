"""The uses of a run: other caps, certificates, predictions. Results of several rows show themselves as tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budgetnas.api.arguments import data_keys, plain, spelled
from budgetnas.text import Display, html_table

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from budgetnas.certificates.predict import Prediction

_SHOWN = 20  # rows in a notebook


class Rows(Display, Sequence[Any]):
    """Several results of one kind, a row each.

    Args:
        items: the results.
        rows: their cells by column, a row or more each.

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
    """The checks of a certificate, in order: `name`, `passed` (None where it could not be) and `told` of each."""

    @property
    def passed(self) -> bool:
        """Whether none of them failed; what could not be checked did not."""
        return all(check.passed is not False for check in self)

    def brief(self) -> Mapping[str, str]:
        """Return whether the certificate holds, and what of it does not."""
        failed = [check.name for check in self if check.passed is False]
        return (
            {"holds": "yes", "checks": f"{len(self)}"} if self.passed else {"holds": "no", "failed": " ".join(failed)}
        )


class Predictions(Rows):
    """The classes of images, in order: `image` and `classes` (label from 0, name, softmax) of each.

    Attributes:
        faults: what could not be read and why, a line each.
    """

    columns = ("id", "rank", "label", "class", "share")

    def __init__(self, items: Sequence[Prediction], faults: Iterable[str]) -> None:
        super().__init__(items, [row for one in items for row in one.rows()])
        self.faults = tuple(faults)

    def brief(self) -> Mapping[str, str]:
        """Return how many images were classified, and how many could not be read."""
        unreadable = {"unreadable": f"{len(self.faults):,}"} if self.faults else {}
        return {"images": f"{len(self):,}", **unreadable}


@spelled
def best(
    run: str | PathLike[str],
    max_params: str | float | Sequence[str | float] | None = None,
    *,
    storage: str | None = None,
) -> CapResults:
    """Name the best network of a search under any caps, from what it has trained; nothing trains.

    Args:
        run: folder of the run.
        max_params: a cap, or several; those of the search unless given.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        The network to take under each cap, ascending, with what it reached and whether there is enough to trust it.

    Raises:
        UsageError: a cap is malformed, or larger than the search's own.
        StorageError: there is no search, or it cannot be read.
    """
    from budgetnas.runs.caps import as_json, best_under
    from budgetnas.runs.result import open_result

    result = open_result(str(plain(run)), storage)
    caps = plain(max_params)
    found = best_under(result, caps if caps is None or isinstance(caps, list) else [caps])
    return CapResults(found, [as_json(result, tier) for tier in found])


@spelled
def export(
    run: str | PathLike[str],
    out: str | PathLike[str],
    *,
    trial: int | None = None,
    with_preprocessing: bool = False,
    storage: str | None = None,
) -> Path:
    """Write the certificate of any network that was trained in full, into a folder of its own.

    What could not be made, such as `model.onnx` where ONNX is not installed, is a warning.

    Args:
        run: folder of the run.
        out: folder to write; must not exist, or be empty.
        trial: number of the network's trial; the winner, or the only one, unless given.
        with_preprocessing: whether `model.onnx` takes raw pixels.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        The folder.

    Raises:
        UsageError: the trial had no full training, or the folder is not free.
        StorageError: the run cannot be read, or the folder cannot be written.
    """
    from budgetnas.runs import certify

    folder = Path(out)
    lacks = certify.export(
        str(plain(run)), folder, storage=storage, trial=plain(trial), with_preprocessing=with_preprocessing
    )
    if lacks:
        warnings.warn(lacks, stacklevel=3)
    return folder


@spelled
def verify(
    folder: str | PathLike[str],
    *,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
) -> Verification:
    """Check a certificate: hashes, counts, cap, source, weights, ONNX; no code of the folder runs.

    Args:
        folder: of the certificate.
        dataset: the data set whose test accuracy is checked, too, on images read as the certificate says.
        data_dir: where downloaded data sets live.
        subset: images of each class to keep in each split, instead of the certificate's.
        image_size: side in pixels to resize an image folder to, likewise.
        test_share: share of each class that is the test split, likewise.

    Returns:
        The checks in order; `passed` tells whether the certificate holds.

    Raises:
        UsageError: a value breaks its rule.
        DataError: the data set cannot be had.
    """
    arguments = locals()
    from budgetnas.certificates.predict import load_as_trained
    from budgetnas.certificates.verify import verify as checks

    data = load_as_trained(Path(folder), data_keys(arguments))
    found = list(checks(Path(folder), data))
    return Verification(found, [{"check": one.name, "passed": one.passed, "told": one.told} for one in found])


@spelled
def predict(
    folder: str | PathLike[str], images: str | PathLike[str] | Sequence[str | PathLike[str]], *, top: int = 1
) -> Predictions:
    """Classify images by the network of a run, read as its training read its own.

    What cannot be read is left out and named in `faults`, with a warning.

    Args:
        folder: of a run, or of a certificate.
        images: paths of image files, folders of them, or `.npz` files.
        top: classes of each image, the most likely first.

    Returns:
        The predictions in order.

    Raises:
        UsageError: `top` is below 1, or above the number of classes.
        StorageError: there is no network, or it is damaged.
    """
    from budgetnas.arch.spec import DataShape
    from budgetnas.certificates.certificate import load_certificate
    from budgetnas.certificates.inputs import find_inputs
    from budgetnas.certificates.predict import check_top
    from budgetnas.certificates.predict import predict as classify
    from budgetnas.runs.certify import certificate_of

    words = plain(images)
    model, arch = load_certificate(certificate_of(Path(folder)))
    check_top(top, arch)
    inputs = find_inputs(words if isinstance(words, list) else [words], DataShape(**arch["shape"]))
    faults = list(inputs.faults)
    found = list(classify(model, arch, inputs.wanted, top=top, faults=faults))
    if faults:
        warnings.warn(f"{len(faults):,} of the images cannot be read: {faults[0]}", stacklevel=3)
    return Predictions(found, faults)
