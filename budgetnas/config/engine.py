"""The sections `[engine]` and `[ray]` of a study file, which decide where trainings run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from budgetnas.config.toml import within
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
