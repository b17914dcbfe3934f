"""The working memory of a network: the tensors that live while one image runs through it, layer by layer.

A batch norm is folded into the convolution before it, and norms, ReLU and sigmoid change a tensor in place, unless
another branch needs it. Every other layer, and the sum or product at the end of a block, writes a new tensor while its
inputs live. A block runs its body before its shortcut, and its input lives until the shortcut has used it; of an
identity, until the sum is written. The image counts. Weights and a library's own buffers do not.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from math import prod

from budgetnas.arch.counter import ledger
from budgetnas.arch.device import COEFFICIENTS, Precision
from budgetnas.arch.layers import Act, Layer, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.spec import DataShape

_Steps = Generator[tuple[str, int], None, tuple[str, int]]  # names and live elements; the last name, and the output


def peak_memory(layers: Sequence[Layer], shape: DataShape, precision: Precision) -> int:
    """Return the most bytes of tensors that live at once while one image runs through a chain of layers.

    >>> from budgetnas.arch.layers import Act, Conv, Norm
    >>> stem = (Conv(in_channels=3, out_channels=16, kernel=3), Norm(channels=16), Act())
    >>> peak_memory(stem, DataShape(), "int8") == (3 + 16) * 32 * 32
    True

    Args:
        layers: a network, from image to logits.
        shape: shape of images, and number of classes.
        precision: of the tensors: 4, 2 or 1 bytes an element.
    """
    return max(live_elements(layers, shape).values()) * element_bytes(precision)


def element_bytes(precision: Precision) -> int:
    """Return the bytes of one element of a tensor, as wide as a weight."""
    return COEFFICIENTS[precision].weight


def live_elements(layers: Sequence[Layer], shape: DataShape) -> dict[str, int]:
    """Return how many elements live while each layer runs, by the names of the ledger and in its order.

    The last layer of a block also stands for the sum or product that follows, where more elements live then.
    """
    rows = ledger(tuple(layers), shape)
    found = {row.name: 0 for row in rows}
    outputs = {row.name: prod(row.out_shape) for row in rows}
    for name, live in _run(layers, "", prod((shape.channels, shape.height, shape.width)), outputs, 0, False):
        found[name] = max(found[name], live)
    return found


def _run(layers: Sequence[Layer], path: str, x: int, outputs: Mapping[str, int], others: int, is_kept: bool) -> _Steps:
    """Run a chain.

    Args:
        layers: the chain.
        path: its place in the network.
        x: elements of its input.
        outputs: elements of the output of each layer, by name.
        others: elements that live elsewhere all the while.
        is_kept: whether something else needs its input afterwards.
    """
    name = ""
    for i, layer in enumerate(layers):
        here = f"{path}{i}"
        kept, y = x if is_kept else 0, x
        match layer:
            case Residual():
                name, y = yield from _run(layer.body, f"{here}.body.", x, outputs, others, True)
                last, branch = yield from _run(layer.shortcut, f"{here}.shortcut.", x, outputs, others + y, is_kept)
                name = last or name
                yield name, others + y + branch + y + (kept if layer.shortcut else 0)
            case Scale():
                name, factors = yield from _run(layer.gate, f"{here}.gate.", x, outputs, others, True)
                yield name, others + x + factors + y
            case Norm() | Act() | Sigmoid():
                name = here
                yield name, others + kept + y
            case _:
                name, y = here, outputs[here]
                yield name, others + x + y
        others, is_kept, x = others + kept, False, y
    return name, x
