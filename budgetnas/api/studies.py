"""Searches and calibrations. A call whose run exists resumes it, as the command does."""

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
    max_bytes: str | float | None = None,
    max_memory: str | float | None = None,
    weights: str | None = None,
    space: str | PathLike[str] | None = None,
    trials: int | None = None,
    sampler: str | None = None,
    score: str | None = None,
    rungs: int | Sequence[int] | None = None,
    promote: int | None = None,
    repeats: int | None = None,
    recipe: str | PathLike[str] | None = None,
    full_epochs: int | None = None,
    controls: bool | None = None,
    paper_models: bool | None = None,
    refit: bool | None = None,
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
    track: str | Sequence[str] | None = None,
    listener: Listener | None = None,
) -> SearchResult:
    """Search for the most accurate network under a cap, or resume a search that was stopped.

    Arguments that are not given come from the run if it exists, else from the study file or the defaults. A script
    needs no `if __name__ == "__main__"`. An interruption stops the search between two steps; the same call resumes it.

    Args:
        study: shipped name or path of a study file.
        max_params: cap on trainable parameters, as a number or like "5M" or "45%resnet18".
        max_macs: cap on multiply-accumulates for one image, as a number or like "1.75G" or "200%model5"; "none" for no
            cap; default: three times those of ResNet-20 scaled to the cap on parameters.
        max_bytes: cap on the exported file, as a number of bytes or like "300kB" or "1MiB".
        max_memory: cap on the tensors that live at once while one image runs through a network, like "128KiB".
        weights: precision that these two are for: "fp32" (the default), "fp16" or "int8".
        space: "wide" for more kinds of networks, or the path of a file with the section [space].
        trials: number of networks to train shortly, in all; default: 100.
        sampler: "thompson", "evolution", "tpe" or "random".
        score: what the search goes by: "accuracy" (the default), "balanced_accuracy", "macro_f1" or "loss".
        rungs: epochs of the short trainings, rising; the best networks get the longer ones; default: decided by the
            data set.
        promote: number of the best networks to train in full; default: 5.
        repeats: number of seeds of each network that may win; default: 1.
        recipe: name or path of the recipe of full trainings; default: "full".
        full_epochs: length of a full training; default: decided by the data set.
        controls: whether the winner and controls are trained with fresh seeds in the end; default: no.
        paper_models: whether models 1-5 of Pei et al. are tried first; default: on data sets known by name.
        refit: whether the winner and its controls learn from training and validation images together when they are
            trained again; default: no.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: folder of downloaded data sets; default: `data`.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class that becomes the test split of own images without one.
        out: folder of all runs; default: `runs`.
        name: name of the run; default: data set, cap and seed.
        seed: seed of all random numbers; default: 0.
        device: "auto", "cpu", "cuda" or "mps".
        workers: parallel trainings; default: one per GPU or CPU core.
        max_hours: no training starts after this many hours.
        storage: Optuna URL of the study; default: a file in the run's folder.
        settings: other keys of a study file with their values, such as {"space.widths": [16, 64]}.
        track: names of trackers that are written too: "tensorboard", "wandb", "mlflow".
        listener: receives plan, progress and messages; nothing is printed.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    arguments = locals()
    if isinstance(rungs, int):
        arguments["rungs"] = [rungs]
    from budgetnas.pipeline.request import read_study_request
    from budgetnas.pipeline.search import search as work

    asked = read_study_request(plain(study), study_keys(arguments))
    return driven(partial(work, asked.config, track=track), command("search", arguments), listener, notes=asked.notes)


@spelled
def calibrate(
    *,
    study: str | PathLike[str] | None = None,
    max_params: str | float | None = None,
    max_macs: str | float | None = None,
    max_bytes: str | float | None = None,
    max_memory: str | float | None = None,
    weights: str | None = None,
    space: str | PathLike[str] | None = None,
    networks: int | None = None,
    lengths: int | Sequence[int] | None = None,
    score: str | None = None,
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
    track: str | Sequence[str] | None = None,
    listener: Listener | None = None,
) -> Calibration:
    """Find out how long a short training must be to rank networks, or resume a calibration, also with more networks.

    Random networks of the band are trained for several short lengths and once in full.

    Args:
        study: shipped name or path of a study file.
        max_params: cap on trainable parameters, as a number or like "5M" or "45%resnet18".
        max_macs: cap on multiply-accumulates for one image, as a number or like "1.75G" or "200%model5"; "none" for no
            cap; default: three times those of ResNet-20 scaled to the cap on parameters.
        max_bytes: cap on the exported file, as a number of bytes or like "300kB" or "1MiB".
        max_memory: cap on the tensors that live at once while one image runs through a network, like "128KiB".
        weights: precision that these two are for: "fp32" (the default), "fp16" or "int8".
        space: "wide" for more kinds of networks, or the path of a file with the section [space].
        networks: number of networks; default: 24.
        lengths: epochs of the short trainings; default: the rungs of the study.
        score: by which networks are ranked: "accuracy" (the default), "balanced_accuracy", "macro_f1" or "loss".
        full_epochs: length of a full training; default: decided by the data set.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: folder of downloaded data sets; default: `data`.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class that becomes the test split of own images without one.
        out: folder of all runs; default: `runs`.
        name: name of the run; default: data set, cap and seed.
        seed: seed of all random numbers; default: 0.
        device: "auto", "cpu", "cuda" or "mps".
        workers: parallel trainings; default: one per GPU or CPU core.
        max_hours: no training starts after this many hours.
        storage: Optuna URL of the study; default: a file in the run's folder.
        settings: other keys of a study file with their values.
        track: names of trackers that are written too: "tensorboard", "wandb", "mlflow".
        listener: receives plan, progress and messages; nothing is printed.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
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
    return driven(
        partial(work, asked.config, track=track), command("calibrate", arguments), listener, notes=asked.notes
    )
