"""The YAML block that opens a model card: what the Hugging Face Hub reads of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MARK = "---"
_ON_THE_HUB = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}  # ids of data sets there
_PLAIN = frozenset(" .,()/-")  # neither Markdown nor YAML reads anything into these inside double quotes


def front_matter(arch: Mapping[str, Any], results: Mapping[str, Any], *, has_onnx: bool) -> str:
    """Return the block, as lines between two marks.

    The licence is "unknown": who trained the network decides it. Numbers are those of the stored weights.

    Args:
        arch: content of `arch.json`.
        results: content of `results.json`.
        has_onnx: whether `model.onnx` is there.
    """
    other = results.get("score")
    hub = _ON_THE_HUB.get(arch["dataset"])
    tags = ["pytorch", *(["onnx"] if has_onnx else []), "resnet", "neural-architecture-search", "parameter-budget"]
    lines = [
        MARK,
        "license: unknown",
        "library_name: budgetnas",
        "pipeline_tag: image-classification",
        "tags:",
        *(f"- {tag}" for tag in tags),
        *([] if hub is None else ["datasets:", f"- {hub}"]),
        "metrics:",
        "- accuracy",
        *([f"- {other['name']}"] if other else []),
    ]
    scores = list(_scores(results["this_network"]))
    if scores:
        lines += ["model-index:", f"- name: {quoted(arch['id'])}", "  results:"]
    for split, accuracy in scores:
        lines += [
            "  - task:",
            "      type: image-classification",
            "    dataset:",
            f"      name: {quoted(arch['dataset'])}",
            f"      type: {quoted(arch['dataset']) if hub is None else hub}",
            f"      split: {split}",
            "    metrics:",
            "    - type: accuracy",
            f"      value: {accuracy:.6f}",
        ]
        if other and other["this_network"][split] is not None:
            lines += [f"    - type: {other['name']}", f"      value: {other['this_network'][split]:.6f}"]
    return "\n".join([*lines, MARK])


def _scores(own: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield (split, accuracy in [0, 1]) of the stored weights."""
    if own["test_images"]:
        yield "test", own["test_correct"] / own["test_images"]
    if own["validation_accuracy"] is not None:
        yield "validation", own["validation_accuracy"]


def quoted(text: str) -> str:
    r"""Write a text as a YAML string that Markdown renders literally, whatever it holds.

    >>> quoted("my_set")
    '"my\\U0000005fset"'
    """
    letters = (letter if letter.isalnum() or letter in _PLAIN else f"\\U{ord(letter):08x}" for letter in text)
    return f'"{"".join(letters)}"'
