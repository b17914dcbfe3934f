"""The models that a study file declares by name, such as those of the report in `studies/paper.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.reader import build, read_toml, shipped
from budgetnas.exceptions import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedModel:
    """One `[[models]]` entry.

    Attributes:
        name: how a person calls it.
        blocks: basic blocks per stage; 0 marks an empty stage.
        widths: one width per stage, or per non-empty stage.
        seeded: whether searches try it before their own proposals.
        reported_params: parameters as its source reports them.
        reported_accuracy: test accuracy in percent as its source reports it.
        note: what a reader must know.
    """

    name: str
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    seeded: bool = False
    reported_params: int | None = None
    reported_accuracy: float | None = None
    note: str = ""

    @property
    def spec(self) -> ResNetSpec:
        """The canonical architecture."""
        return ResNetSpec.from_stages(self.blocks, self.widths)


def load_models(path: Path) -> tuple[NamedModel, ...]:
    """Read the `[[models]]` of a study file.

    Raises:
        UsageError: the file declares no models, or one of them is malformed.
    """
    entries = read_toml(path).get("models")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"`{path}` declares no [[models]]: give a file that does, such as the shipped `paper`.")
    return tuple(build(NamedModel, entry, f"models[{i}]") for i, entry in enumerate(entries))


def paper_models() -> tuple[NamedModel, ...]:
    """Return the report's models, as `studies/paper.toml` declares them."""
    return load_models(shipped("paper.toml"))
