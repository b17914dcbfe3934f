"""A study file: all sections together, read from TOML, options and settings.

`[engine]` and `[ray]`, which decide where trainings run, are defined here, the other sections in `sections`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from budgetnas.amounts import write_cap, write_size
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget, room
from budgetnas.config.evidence import EvidenceConfig
from budgetnas.config.macs_cap import AUTO, NONE
from budgetnas.config.recorded import over, read_study_table
from budgetnas.config.sections import (
    BudgetConfig,
    DataConfig,
    FullConfig,
    OutputConfig,
    ProxyConfig,
    SearchConfig,
    SpaceConfig,
)
from budgetnas.config.toml import Table, build, locate, read_toml, read_value, shorten, within
from budgetnas.exceptions import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """`[engine]`: where trainings run.

    Attributes:
        kind: "local" for processes on this machine, "ray" for a Ray cluster.
        device: "auto", "cpu", "cuda" or "mps".
        precision: meaning of "auto" in a recipe: "fp32", "bf16", or "auto" for bf16 where the device supports it. A
            run's own study file has the resolved value, so that it resumes the same way on another machine.
        workers: parallel trainings; default: as many as fit on the GPUs, or on the CPU cores.
        threads: CPU threads per training.
        gpus_per_trial: share of a GPU per training, in (0, 1]; with 0.5 two trainings share a GPU.
        trial_timeout: seconds that a training may run without finishing an epoch, loading included. Then its process
            is killed and the training retried, at most twice. Default: no limit.
        max_hours: no training starts after this many hours.
    """

    kind: Literal["local", "ray"] = "local"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    workers: int | None = None
    threads: int = 1
    gpus_per_trial: float = 1.0
    trial_timeout: float | None = None
    max_hours: float | None = None

    def __post_init__(self) -> None:
        within("engine.workers", self.workers, 1, 512)
        within("engine.threads", self.threads, 1, 512)
        if not 0.01 <= self.gpus_per_trial <= 1:
            raise UsageError(f"is {self.gpus_per_trial}, but must be from 0.01 to 1.", argument="engine.gpus_per_trial")
        if self.trial_timeout is not None and not 0 < self.trial_timeout < 10**7:
            raise UsageError(
                f"is {self.trial_timeout}, but must be seconds above 0, below 10^7.", argument="engine.trial_timeout"
            )
        if self.max_hours is not None and not 0 < self.max_hours < 10**6:
            raise UsageError(
                f"is {self.max_hours}, but must be above 0 and below 1,000,000.", argument="engine.max_hours"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RayConfig:
    """`[ray]`, for `engine.kind` = "ray".

    Attributes:
        address: address of the cluster's head, such as "10.0.0.1:6379", or "auto" for this machine's cluster. Default:
            the variable RAY_ADDRESS, or without it a new Ray on this machine that stops with the command.
    """

    address: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyConfig:
    """A whole study file: one attribute per section."""

    description: str = ""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    space: SpaceConfig = field(default_factory=SpaceConfig)
    data: DataConfig = field(default_factory=DataConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    proxy: ProxyConfig = field(default_factory=ProxyConfig)
    full: FullConfig = field(default_factory=FullConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def __post_init__(self) -> None:
        if self.budget.tiers and self.search.over_budget == "prune":
            raise UsageError(
                "do not go with `search.over_budget` = 'prune', since Optuna's own samplers know no "
                "tiers: leave one of them out.",
                argument="budget.tiers",
            )

    def budgets(self, shape: DataShape) -> tuple[Budget, ...]:
        """Return the budget of each tier, ascending; usually one.

        Args:
            shape: images and classes, which a share of a named network is counted for.

        Raises:
            UsageError: there is no cap at all, or one is malformed.
        """
        caps, sizes = self.budget.caps(shape), self.budget.sizes()
        if caps == (None,) and not sizes and self.space.max_macs in (AUTO, NONE):
            raise UsageError(
                "is missing: give the cap on parameters, for example 5e6, or another one, such as "
                "`budget.max_bytes=300kB`.",
                argument="budget.max_params",
            )
        max_macs = self.space.macs_cap(shape, room(caps[-1], sizes.get("max_bytes"), self.budget.weights))
        return tuple(Budget(max_params=cap, max_macs=max_macs, **sizes, weights=self.budget.weights) for cap in caps)


# Keys that may change when a study is resumed: no proposal and no score so far depends on them.
FREE_KEYS = frozenset(
    {
        "description",
        "search.trials",
        "search.stop",
        "full.promote",
        "full.repeats",
        "full.finals",
        "evidence.controls",
        "evidence.control_networks",
        "evidence.control_repeats",
        "evidence.looks",  # fixed once the looks have started
        "evidence.refit",  # fixed once a control is trained
        "evidence.control_promotions",
        "evidence.random_control",
        "engine.kind",
        "engine.workers",
        "engine.precision",  # the recipes' precision is compared instead
        "engine.gpus_per_trial",
        "engine.trial_timeout",
        "engine.max_hours",
        "ray.address",
        "data.dataset",  # its fingerprint is compared instead
        "proxy.from_run",
        "proxy.recipe",  # its values are compared instead
        "full.recipe",
        "data.dir",
        "output.dir",
        "output.name",
        "output.storage",
    }
)


def load_study(name: str | None, overrides: Mapping[str, Any], settings: Sequence[str] = ()) -> StudyConfig:
    """Read a study: the defaults, the study file over them, the command line over both.

    Args:
        name: shipped name or path of a study file; None for the defaults.
        overrides: dotted keys and values; None values are left out.
        settings: `section.key=value` words, values written as in TOML.

    Raises:
        UsageError: a key is unknown, or a value breaks its rule.
    """
    return build(StudyConfig, named_keys(name, overrides, settings), "")


def named_keys(
    name: str | None, overrides: Mapping[str, Any], settings: Sequence[str] = (), *, besides: Sequence[str] = ()
) -> Table:
    """Return the keys that a study file and the command line set, section by section.

    Args:
        name: shipped name or path of a study file; None for none.
        overrides: dotted keys and values; None values are left out. `SPACE` has the name of a space in place of keys.
        settings: `section.key=value` words, values written as in TOML.
        besides: dotted keys of the study file to ignore.

    Raises:
        UsageError: the file is no study file, or a setting is malformed.
    """
    table = {} if name is None else read_study_table(locate(name))
    if "models" in table:
        raise UsageError(f"`{name}` declares models to count, not a search: give another study file.")
    for key in besides:
        section, _, inner = key.partition(".")
        if isinstance(table.get(section), dict):
            table[section].pop(inner, None)
    for key, value in overrides.items():
        if key == SPACE and value is not None:
            table = over(table, {SPACE: read_space(value)})
        elif value is not None:
            _put(table, key, value)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key.count(".") != 1:
            raise UsageError(
                f"is {setting!r}, but must be section.key=value, for example space.width_step=4.", argument="settings"
            )
        _put(table, key.strip(), read_value(text.strip()))
    return table


SPACE = "space"


def read_space(name: str) -> Table:
    """Return the keys of `[space]` that a file of a space has.

    Args:
        name: shipped name, or path of a TOML file with a description and `[space]`.

    Raises:
        UsageError: there is no such file, or it has other sections.
    """
    table = read_toml(locate(name, "spaces"))
    others = sorted(set(table) - {"description", SPACE})
    if others:
        raise UsageError(
            f"is {name}, which has {others[0]} beside [space]: give it as the study file, or remove that.",
            argument=SPACE,
        )
    found = table.get(SPACE)
    if not isinstance(found, dict):
        raise UsageError(f"is {name}, which has no section [space]: give it one.", argument=SPACE)
    return found


def run_name(data: str, budget: BudgetConfig, shape: DataShape, seed: int, *, suffix: str = "") -> str:
    """Return the default name of a run: data set, largest cap of each kind but on MACs, and seed."""
    cap, sizes = budget.caps(shape)[-1], budget.sizes().values()
    caps = [] if cap is None else [write_cap(cap)]
    caps += [write_size(size).replace(" ", "").replace(",", "") for size in sizes]
    caps += [budget.weights] if sizes else []
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in data).lstrip(".") or "data"
    return f"{plain}-{'-'.join(caps) or 'macs'}-s{seed}{suffix}"


def train_name(spec: ResNetSpec, seed: int) -> str:
    """Return the name of a run that trains one network; it has `_` for the `=` of an id, which no name may have."""
    return f"train-{spec.id.replace('=', '_')}-s{seed}"


def flatten(config: StudyConfig) -> dict[str, Any]:
    """List a study as dotted keys and JSON values, in the order of the sections."""
    return dict(_leaves(asdict(config), ""))


def _leaves(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield path + key, list(value) if isinstance(value, tuple) else value


def _put(table: Table, key: str, value: Any) -> None:
    section, _, name = key.partition(".")
    inner = table.setdefault(section, {})
    if not isinstance(inner, dict):
        raise UsageError(f"is {shorten(inner)}, but must be a table with the key {name}.", argument=section)
    inner[name] = value
