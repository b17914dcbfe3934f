"""`README.md` of a certificate: a model card with results, limits, and the command that reproduces the network.

`verify` compares the card byte for byte, so its wording is part of the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from budgetnas.budget import SIZES, write_cost
from budgetnas.certificates.front_matter import front_matter
from budgetnas.evidence.scores import SCORES, Score
from budgetnas.text import escaped, one_line, plural, write_macs, write_percent


def card(
    arch: Mapping[str, Any],
    results: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    has_onnx: bool,
    has_front: bool = True,
) -> str:
    """Return the card as Markdown.

    Args:
        arch: content of `arch.json`.
        results: content of `results.json`.
        provenance: command, versions, hardware and commit.
        has_onnx: whether `model.onnx` is there.
        has_front: whether it opens with its YAML block; cards of older versions do not.
    """
    shape, data = arch["shape"], escaped(arch["dataset"])
    side = f"{shape['channels']}x{shape['height']}x{shape['width']}"
    cap = f" ({arch['params'] / arch['max_params']:.2%} of {arch['max_params']:,})" if arch["max_params"] else ""
    sizes = [write_cost(arch[f"max_{cost}"], cost) for cost in SIZES if arch.get(f"max_{cost}") is not None]
    device = f" It was searched for a device of {' and '.join(sizes)} in {arch['weights']}." if sizes else ""
    parts = [
        *([front_matter(arch, results, has_onnx=has_onnx)] if has_front else []),
        f"# {arch['id']}",
        f"A residual network of {arch['params']:,} trainable parameters{cap} and {write_macs(arch['macs'])} "
        f"multiply-accumulates for one image of {side}, trained on {data} ({shape['classes']} classes).{device}",
        *([f"**{escaped(arch['notice'])}**"] if arch["notice"] else []),
        "## Numbers",
        _numbers(results, data),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(results, data)),
        "## Use",
        "The network takes images that are normalised per channel, (pixel - mean) / std on raw pixels in [0, 255]; "
        "mean and std are in `arch.json`.",
        _USE,
        "## Files",
        "\n".join(f"- `{name}`: {what}" for name, what in _listed(results, has_onnx=has_onnx)),
        "## Make it again",
        "On the same kind of hardware, with the versions in `MANIFEST.json`, this command makes the same network:",
        f"```\n{_command(provenance)}\n```",
        f"Trained on {escaped(_hardware(provenance['hardware']))}; code at commit "
        f"{provenance.get('git_commit') or 'not recorded (an installed package)'}.",
    ]
    return "\n\n".join(parts) + "\n"


_USE = """```python
import torch
from safetensors.torch import load_file

from model import ResNet

network = ResNet()
network.load_state_dict(load_file("model.safetensors"))
network.eval()
```

`budgetnas predict . IMAGE...` does all of it, and `budgetnas verify .` checks every file, count and claim."""

_FILES = {
    "arch.json": "the architecture, its classes, normalisation and costs",
    "model.py": "the network in plain PyTorch, made from `arch.json` alone",
    "model.safetensors": "its weights, under the names of `model.py`",
    "model.onnx": "the same network for ONNX runtimes, any number of images at a time",
    "model.int8.onnx": "the same network in int8, quantised after its training",
    "model.fp16.onnx": "the same network in 16-bit floats",
    "ledger.csv": "parameters and multiply-accumulates, layer by layer",
    "results.json": "every number with its seed, split and epoch",
    "recipe.toml": "how it was trained",
    "MANIFEST.json": "versions, hardware, command, and the SHA-256 of every file",
}


def _listed(results: Mapping[str, Any], *, has_onnx: bool) -> Iterator[tuple[str, str]]:
    """Yield (name, meaning) of each file, with the bytes of one for a device."""
    recorded = results.get("files", {})
    for name, what in _FILES.items():
        if (name == "model.onnx" and not has_onnx) or (name in _QUANTISED and name not in recorded):
            continue
        yield name, f"{what}{_bytes(recorded[name])}" if name in recorded else what


def _bytes(entry: Mapping[str, Any]) -> str:
    counted = entry["counted"]
    if counted is None:
        return f"; {entry['bytes']:,} bytes"
    stored, by = f"{counted['weights_bytes']:,} of weights as counted", ""
    if "calibration" in entry:
        calibration = entry["calibration"]
        by = f"; calibrated on {calibration['images']:,} images of the training split, seed {calibration['seed']}"
    return f"{by}; norms folded, {entry['bytes']:,} bytes: {stored}, at most {counted['file_bytes']:,} in all"


def _numbers(results: Mapping[str, Any], data: str) -> str:
    """Return the table of accuracies, with intervals where the results have them, behind those of another score."""
    own, other, rows = results["this_network"], results.get("score"), list(_accuracy_rows(results))
    if other:
        rows = [(f"accuracy, {name}", value, images) for name, value, images in rows]
        rows = [*_score_rows(results, SCORES[other["name"]]), *rows]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"After the last of {own['epochs']} epochs, seed {own['seed']}, on {data}."
    if "fresh" in results:
        of = " of accuracies" if other else ""
        caption += f" In brackets: 95 % intervals over the images (Wilson{of})."
    return f"| {'number' if other else 'accuracy'} | value | images |\n|---|---:|---:|\n{table}\n\n{caption}"


def _accuracy_rows(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of accuracies, (name, value, images), fresh seeds first."""
    own, repeats, fresh = results["this_network"], results["repeats"], results.get("fresh")
    if fresh:
        seeds = plural(len(fresh["seeds"]), "fresh seed")
        for split in ("validation", "test"):
            if fresh[f"{split}_mean"] is not None:
                yield f"{split}, {seeds} that no choice has seen", _over_seeds(fresh, split), ""
    if own["validation_accuracy"] is not None:
        value = _value(own["validation_accuracy"], None, own.get("validation_interval"))
        yield "validation, these weights", value, f"{own['validation_images']:,}"
    if own["test_images"]:
        value = _value(own["test_correct"] / own["test_images"], None, own.get("test_interval"))
        yield "test, these weights", value, f"{own['test_images']:,}"
    yield from _file_rows(results.get("files", {}))
    for split in ("validation", "test"):
        if repeats[f"{split}_sd"] is not None:
            yield f"{split}, mean and sd over {len(repeats['seeds'])} seeds", _over_seeds(repeats, split), ""


def _file_rows(files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield the accuracies of ONNX files that were measured."""
    for name, entry in files.items():
        for split in ("validation", "test"):
            if entry.get(f"{split}_images"):
                images = entry[f"{split}_images"]
                value = _value(entry[f"{split}_correct"] / images, None, entry[f"{split}_interval"])
                yield f"{split}, `{name}`", value, f"{images:,}"


def _score_rows(results: Mapping[str, Any], score: Score) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of a score that is not the accuracy, (name, value, images)."""
    found, own = results["score"], results["this_network"]
    for split in ("validation", "test"):
        for key, what in (("fresh", "{} that no choice has seen"), ("repeats", "mean and sd over {}")):
            over = found[key]
            if over and over[f"{split}_mean"] is not None and (key == "fresh" or over[f"{split}_sd"] is not None):
                number = len(results[key]["seeds"])
                seeds = plural(number, "fresh seed" if key == "fresh" else "seed")
                yield f"{score.words}, {split}, {what.format(seeds)}", _score_over_seeds(over, split, score), ""
        if found["this_network"][split] is not None:
            one = found["this_network"]
            value = _score(one[split], None, one[f"{split}_interval"], score)
            yield f"{score.words}, {split}, these weights", value, f"{own[f'{split}_images']:,}"


def _score_over_seeds(over: Mapping[str, Any], split: str, score: Score) -> str:
    return _score(over[f"{split}_mean"], over[f"{split}_sd"], over[f"{split}_interval"], score)


def _score(shown: float, spread: float | None, interval: Sequence[float], score: Score) -> str:
    low, high = interval
    return score.write(score.shown(shown), spread, score.shown_interval((low, high)), unit=" %")


def _over_seeds(results: Mapping[str, Any], split: str) -> str:
    return _value(results[f"{split}_mean"], results[f"{split}_sd"], results.get(f"{split}_interval"))


def _value(share: float, spread: float | None, interval: Sequence[float] | None) -> str:
    """Write an accuracy; certificates of older versions have no intervals."""
    return write_percent(share, spread, interval, unit=" %")


def _limits(results: Mapping[str, Any], data: str) -> list[str]:
    limits = [
        f"It knows the classes of {data} and nothing else: any image gets one of them.",
        "Its accuracy is that of images like those it was tested on; nothing was tested under noise, blur or attack.",
    ]
    if len(results["repeats"]["seeds"]) < 2 and not results.get("fresh"):
        limits.append("One training seed: how much another would differ is not known.")
    if "model.int8.onnx" in results.get("files", {}):
        limits.append(_INT8)
    return [*limits, *map(escaped, results["remarks"])]


_QUANTISED = ("model.int8.onnx", "model.fp16.onnx")
_INT8 = (
    "Numbers of `model.int8.onnx` are those of exact arithmetic: integer kernels of x86 processors without VNNI may "
    "saturate and answer otherwise."
)


def _hardware(hardware: Mapping[str, Any]) -> str:
    """Name the device; a CPU by its processor."""
    is_cpu = hardware["device"] == "cpu" and hardware.get("processor")
    return str(hardware["processor"] if is_cpu else hardware["device"])


def _command(provenance: Mapping[str, Any]) -> str:
    """Return the command on one line, without a fence that would end its code block."""
    return one_line(provenance.get("command") or "not recorded", most=None).replace("```", "~~~")
