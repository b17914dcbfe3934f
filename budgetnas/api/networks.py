"""Counting networks, fitting them to a cap, and reading data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from budgetnas.api.arguments import OtherFields, data_keys, network_of, plain, shape_of, spelled
from budgetnas.arch import counter
from budgetnas.arch.counter import Complexity, LedgerRow
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

if TYPE_CHECKING:
    from os import PathLike

    from budgetnas.data.dataset import Dataset


@spelled
def count(
    network: str | ResNetSpec | None = None,
    shape: DataShape | None = None,
    *,
    blocks: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    stem_width: int | None = None,
    channels: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    classes: int | None = None,
    **others: Unpack[OtherFields],
) -> Complexity:
    """Count a network exactly, without building it and without loading torch.

    >>> count(blocks=[4, 5, 3, 0], widths=[64, 128, 250])
    Complexity(params=4848142, macs=864952004, activations=1062282)
    >>> count("resnet20", classes=100).params
    278324
    >>> count(blocks=[2, 2], widths=[64, 128], kind="bottleneck", mids=[16, 32], kernels=[3, 5]).params
    86986

    Args:
        network: a name (resnet18, model5), an id (4x64-5x128-3x256) or a spec; else give `blocks` and `widths`.
        shape: shape of images and classes, instead of the last three arguments; default: that of CIFAR-10.
        blocks: blocks of each stage; 0 for an empty one.
        widths: channels of each stage.
        stem_width: channels of the stem; default: those of the first stage.
        channels: channels of an image.
        image_size: side of an image in pixels, or height and width.
        classes: number of classes.
        others: other fields of a `ResNetSpec`: `kind`, `mids`, `expansions`, `kernels`, `groups`, `strides`,
            `shortcut`, `squeeze`, `neck`; those with a value per stage have one for each stage that is not empty.

    Returns:
        Trainable parameters; multiply-accumulates (MACs) and activations for one image.

    Raises:
        UsageError: the network is unknown, or a number is out of range.
    """
    spec = network_of(network, blocks, widths, stem_width, **others)
    return counter.count(spec, shape_of(shape, channels, image_size, classes))


@spelled
def ledger(
    network: str | ResNetSpec,
    shape: DataShape | None = None,
    *,
    channels: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    classes: int | None = None,
) -> tuple[LedgerRow, ...]:
    """List the layers of a network with their costs; `pandas.DataFrame` makes a table of them.

    Args:
        network: a name, an id or a spec.
        shape: shape of images and classes, instead of the last three arguments; default: that of CIFAR-10.
        channels: channels of an image.
        image_size: side of an image in pixels, or height and width.
        classes: number of classes.

    Returns:
        Name, layer, shapes, parameters, MACs and activations of each layer; they sum to what `count` returns.

    Raises:
        UsageError: the network is unknown, or a number is out of range.
    """
    spec, found = network_of(network), shape_of(shape, channels, image_size, classes)
    return counter.ledger(lower(spec, found), found)


@spelled
def fit(
    network: str | ResNetSpec | None = None,
    shape: DataShape | None = None,
    *,
    max_params: str | float | None = None,
    max_macs: str | float | None = None,
    max_bytes: str | float | None = None,
    max_memory: str | float | None = None,
    weights: str | None = None,
    blocks: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    stem_width: int | None = None,
    step: int = 1,
    channels: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    classes: int | None = None,
    **others: Unpack[OtherFields],
) -> ResNetSpec:
    """Scale the widths of a network until they fill its caps; their ratios change as little as the step allows.

    Stem and middle channels follow the widths; everything else stays. Groups keep their number, or, where all groups of
    a network are equally wide, their width.

    >>> fit("2x64-2x128-4x256", max_params="5M").id
    '2x64-2x127-4x252'

    At least one cap is needed.

    Args:
        network: a name, an id or a spec; else give `blocks` and `widths`.
        shape: shape of images and classes, instead of the last three arguments; default: that of CIFAR-10.
        max_params: cap on trainable parameters, as a number or like "5M" or "45%resnet18".
        max_macs: cap on multiply-accumulates for one image, likewise.
        max_bytes: cap on the exported file, as a number of bytes or like "300kB" or "1MiB".
        max_memory: cap on the tensors that live at once while one image runs through the network, like "128KiB".
        weights: precision that these two are for: "fp32" (the default), "fp16" or "int8".
        blocks: blocks of each stage; 0 for an empty one.
        widths: channels of each stage.
        stem_width: channels of the stem; default: those of the first stage.
        step: grid of the widths, in channels.
        channels: channels of an image.
        image_size: side of an image in pixels, or height and width.
        classes: number of classes.
        others: other fields of a `ResNetSpec`: `kind`, `mids`, `expansions`, `kernels`, `groups`, `strides`,
            `shortcut`, `squeeze`, `neck`; those with a value per stage have one for each stage that is not empty.

    Raises:
        UsageError: the network is unknown, a number is out of range, or no cap is given.
        InfeasibleBudgetError: even the narrowest network of this form exceeds a cap.
    """
    from budgetnas.budget import Budget
    from budgetnas.config.caps import read_budget
    from budgetnas.space import widths as scaled

    spec = network_of(network, blocks, widths, stem_width, **others)
    found = shape_of(shape, channels, image_size, classes)
    caps = {"max_params": max_params, "max_macs": max_macs, "max_bytes": max_bytes, "max_memory": max_memory}
    given = {name: plain(cap) for name, cap in caps.items()}
    return scaled.fit(spec, found, read_budget(found, **given, weights=weights) or Budget(), step=step)


@spelled
def load_dataset(
    dataset: str | PathLike[str],
    *,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
    validation: int | str | None = None,
) -> Dataset:
    """Read a data set as a search reads it: checked, and split into training, validation and test images.

    Args:
        dataset: "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: folder of downloaded data sets; default: `data`.
        subset: images of each class to keep in each split; default: all.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class that becomes the test split of a set without one.
        validation: images held out for validation of a set without a validation split: a number, "share" or "auto", as
            `data.validation` of a study.

    Raises:
        DataError: the data set is missing, damaged, of another form, or too large for memory.
        UsageError: a value breaks its rule.
    """
    arguments = locals()
    from budgetnas.config.sections import DataConfig
    from budgetnas.data import load

    return load.load_dataset(DataConfig(**data_keys(arguments)))
