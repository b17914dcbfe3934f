"""Searches and calibrations: a run in a folder that exists is resumed, as by the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from budgetnas.api.arguments import command, driven, plain, spelled, study_keys

if TYPE_CHECKING:
    from os import PathLike

    from budgetnas.pipeline.progress import Listener
    from budgetnas.runs.calibration import Calibration
    from budgetnas.runs.result import SearchResult


@spelled
def search(
    *,
    study: str | PathLike[str] | None = None,
    max_params: str | float | None = None,
    max_macs: str | float | None = None,
    trials: int | None = None,
    sampler: str | None = None,
    promote: int | None = None,
    full_epochs: int | None = None,
    paper_models: bool | None = None,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
    out: str | PathLike[str] | None = None,
    name: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    max_hours: float | None = None,
    storage: str | None = None,
    settings: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> SearchResult:
    """Search for the most accurate network under a cap, or resume a search that was stopped.

    What is not named comes from the run where there is one, else from the study file or the defaults. A script needs
    no `if __name__ == "__main__"` for it. An interruption stops it between two steps, and the same call resumes.

    Args:
        study: shipped name or path of a study file.
        max_params: cap on trainable parameters, as a number or like "5M" or "45%resnet18".
        max_macs: cap on multiply-accumulates for one image, as a number or like "1.75G"; "none" for no cap.
        trials: networks that get a short training, in all; 100 unless given.
        sampler: "thompson", "evolution", "tpe" or "random".
        promote: how many of the best get a full training; 5 unless given.
        full_epochs: length of a full training; decided by the data set unless given.
        paper_models: whether the models 1-5 of Pei et al. are tried first; on data sets known by name unless given.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: where downloaded data sets live; `data` unless given.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class of own images that becomes the test split, where there is none.
        out: folder of all runs; `runs` unless given.
        name: of this run; made of data set, cap and seed unless given.
        seed: of everything random; 0 unless given.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        max_hours: after which no training starts.
        storage: Optuna URL of the study; a file in the run's folder unless given.
        settings: any other keys of a study file with their values, such as {"space.widths": [16, 64]}.
        listener: hears plan, progress and news; nothing is printed.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    arguments = locals()
    from budgetnas.pipeline.request import read_study_request
    from budgetnas.pipeline.search import search as work

    asked = read_study_request(plain(study), study_keys(arguments))
    return driven(partial(work, asked.config), command("search", arguments), listener, notes=asked.notes)


@spelled
def calibrate(
    *,
    study: str | PathLike[str] | None = None,
    max_params: str | float | None = None,
    max_macs: str | float | None = None,
    networks: int | None = None,
    lengths: int | Sequence[int] | None = None,
    full_epochs: int | None = None,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
    out: str | PathLike[str] | None = None,
    name: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    max_hours: float | None = None,
    storage: str | None = None,
    settings: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> Calibration:
    """Find out how long a short training must be to rank networks, or resume a calibration with more of them.

    Random networks of the band get short trainings of several lengths and a full one each.

    Args:
        study: shipped name or path of a study file.
        max_params: cap on trainable parameters, as a number or like "5M" or "45%resnet18".
        max_macs: cap on multiply-accumulates for one image, as a number or like "1.75G"; "none" for no cap.
        networks: how many; 24 unless given.
        lengths: of the short trainings, in epochs; the rungs of the study unless given.
        full_epochs: length of a full training; decided by the data set unless given.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: where downloaded data sets live; `data` unless given.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class of own images that becomes the test split, where there is none.
        out: folder of all runs; `runs` unless given.
        name: of this run; made of data set, cap and seed unless given.
        seed: of everything random; 0 unless given.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        max_hours: after which no training starts.
        storage: Optuna URL of the study; a file in the run's folder unless given.
        settings: any other keys of a study file with their values.
        listener: hears plan, progress and news; nothing is printed.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    arguments = locals()
    from budgetnas.pipeline.calibrate import calibrate as work
    from budgetnas.pipeline.request import read_calibration_request

    asked = read_calibration_request(
        plain(study),
        study_keys(arguments),
        networks=plain(networks),
        lengths=[lengths] if isinstance(lengths, int) else plain(lengths),
    )
    return driven(partial(work, asked.config), command("calibrate", arguments), listener, notes=asked.notes)
