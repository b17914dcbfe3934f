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
        return {f"{next(iter(row.values())):,}": row["spec"] or "none" for row in self._rows}


class Verification(Rows):
    """The checks of a certificate, in order: `name`, `passed` (None if it cannot run here) and `finding`."""

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
        super().__init__(items, [row for one in items for row in one.rows()])
        self.faults = tuple(faults)

    def brief(self) -> Mapping[str, str]:
        """Return the numbers of classified and of unreadable images."""
        unreadable = {"unreadable": f"{len(self.faults):,}"} if self.faults else {}
        return {"images": f"{len(self):,}", **unreadable}


@spelled
def best(
    run: str | PathLike[str],
    max_params: str | float | Sequence[str | float] | None = None,
    *,
    max_bytes: str | float | Sequence[str | float] | None = None,
    max_memory: str | float | Sequence[str | float] | None = None,
    storage: str | None = None,
) -> CapResults:
    """Return the best trained network of a search under each of some caps; nothing is trained.

    Args:
        run: folder of the run.
        max_params: one cap or several; default: those of the search.
        max_bytes: one cap or several on the exported file, like "40kB", in place of those on parameters; only for a
            search that had such a cap.
        max_memory: one cap or several on the working memory, like "4KiB", likewise.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        The best network under each cap, ascending, with its accuracies and a remark if it is not to be trusted.

    Raises:
        UsageError: a cap is malformed, or larger than that of the search.
        StorageError: the folder holds no search, or it cannot be read.
    """
    from budgetnas.runs.caps import as_json, best_under
    from budgetnas.runs.result import open_result

    result = open_result(str(plain(run)), storage)
    given = {"max_params": plain(max_params), "max_bytes": plain(max_bytes), "max_memory": plain(max_memory)}
    caps = {name: one if one is None or isinstance(one, list) else [one] for name, one in given.items()}
    results = best_under(result, **caps)
    return CapResults(results, [as_json(result, one) for one in results])


@spelled
def export(
    run: str | PathLike[str],
    out: str | PathLike[str],
    *,
    trial: int | None = None,
    with_preprocessing: bool = False,
    fold_norms: bool = False,
    quantize: str | None = None,
    storage: str | None = None,
) -> Path:
    """Write the certificate of a fully trained network into a new folder.

    A file that cannot be written, such as `model.onnx` where ONNX is not installed, is a warning.

    Args:
        run: folder of the run.
        out: folder to write: new or empty.
        trial: number of the network's trial; default: the winner, or the only one.
        with_preprocessing: whether `model.onnx` takes raw pixels.
        fold_norms: whether `model.onnx` has each batch norm folded into the convolution before it; it has where the
            search capped bytes.
        quantize: "int8" or "fp16" to write `model.int8.onnx`, calibrated on training images, or `model.fp16.onnx` too.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        The folder of the certificate.

    Raises:
        UsageError: the trial had no full training, the folder is not free, or arguments do not go together.
        DataError: the data set to calibrate on cannot be loaded.
        StorageError: the run cannot be read, or the folder cannot be written.
    """
    from budgetnas.runs import certify

    folder = Path(out)
    missing = certify.export(
        str(plain(run)),
        folder,
        storage=storage,
        trial=plain(trial),
        with_preprocessing=with_preprocessing,
        fold_norms=fold_norms,
        quantize=plain(quantize),
    )
    if missing:
        warnings.warn(missing, stacklevel=3)
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
    """Check a certificate: hashes, counts, cap, source, weights, ONNX. No code from the folder runs.

    Args:
        folder: folder of the certificate.
        dataset: data set on which to check the test accuracy too, with images read as the certificate says.
        data_dir: folder of downloaded data sets.
        subset: images of each class to keep in each split, instead of the certificate's.
        image_size: side in pixels to resize an image folder to, instead of the certificate's.
        test_share: share of each class that is the test split, instead of the certificate's.

    Returns:
        The checks in order; `passed` is whether the certificate holds.

    Raises:
        UsageError: a value breaks its rule.
        DataError: the data set cannot be loaded.
    """
    arguments = locals()
    from budgetnas.certificates.predict import load_as_trained
    from budgetnas.certificates.verify import verify as checks

    data = load_as_trained(Path(folder), data_keys(arguments))
    results = list(checks(Path(folder), data))
    return Verification(results, [{"check": one.name, "passed": one.passed, "finding": one.finding} for one in results])


@spelled
def predict(
    folder: str | PathLike[str], images: str | PathLike[str] | Sequence[str | PathLike[str]], *, top: int = 1
) -> Predictions:
    """Classify images with the network of a run; they are read as in its training.

    Unreadable images are left out and named in `faults`, with a warning.

    Args:
        folder: folder of a run, or of a certificate.
        images: paths of image files, folders of them, or `.npz` files.
        top: number of classes per image, the most likely first.

    Returns:
        The predictions in order.

    Raises:
        UsageError: `top` is below 1, or above the number of classes.
        StorageError: the folder has no network, or a damaged one.
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
    predictions = list(classify(model, arch, inputs.wanted, top=top, faults=faults))
    if faults:
        warnings.warn(f"{len(faults):,} of the images cannot be read: {faults[0]}", stacklevel=3)
    return Predictions(predictions, faults)
