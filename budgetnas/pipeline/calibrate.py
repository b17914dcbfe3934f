"""Fidelity on purpose: random networks of the band, each by short trainings of several lengths and by a full one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from budgetnas.config.study import EvidenceConfig, StudyConfig
from budgetnas.outcome.calibration import Calibration, read_calibration, write_calibration
from budgetnas.outcome.setup import CALIBRATION
from budgetnas.pipeline.engines import connected, engine_of
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.listener import Check, Everyone, Listener
from budgetnas.pipeline.opened import opened
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.prepare import Prepared, prepare
from budgetnas.pipeline.provenance import add_driver
from budgetnas.pipeline.stages import Level, ListedStage, Wanted, missing, run_level
from budgetnas.records.engine import Engine
from budgetnas.records.levels import FULL, rung_name
from budgetnas.records.numbers import plural
from budgetnas.records.streams import Use, generator
from budgetnas.records.trial import Candidate
from budgetnas.search.pool import row_keys
from budgetnas.storage.study import StudyStore
from budgetnas.training.device import Hardware

_DRAWS, _MOST_DRAWS = 64, 200


def plan_calibration(config: StudyConfig, listener: Listener) -> Plan:
    """Tell the plan of a calibration and write nothing."""
    with connected(config) as hardware:
        prepared = _prepare(config, hardware)
        with engine_of(prepared) as engine:
            left, lines = _expected(prepared), _lines(prepared)
            plan = make_plan(prepared, engine, left=left, kind=CALIBRATION, lines=lines)
    listener.planned(plan)
    return plan


def calibrate(config: StudyConfig, listener: Listener, *, command: Sequence[str]) -> Calibration:
    """Run a calibration to its end, or go on with one that was stopped.

    Args:
        config: the study: `search.trials` networks, short trainings of all lengths in `proxy.rungs`.
        listener: hears plan, progress and news.
        command: the words that started this, for the manifest.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    started = time.monotonic()
    with connected(config) as hardware, opened(_prepare(config, hardware), kind=CALIBRATION) as run:
        prepared, ladder = run.prepared, run.ladder
        left = {level.name: len(missing(store, listed)) for level, store, listed in _levels(prepared, ladder)}
        if any(left.values()):
            with engine_of(prepared) as engine:
                is_resumed = left != _expected(prepared)
                lines = _lines(prepared)
                plan = make_plan(prepared, engine, left=left, kind=CALIBRATION, lines=lines, is_resumed=is_resumed)
                listener.planned(plan)
                add_driver(ladder.fulls, prepared, command)
                everyone = Everyone(Check(run.check), listener)
                _run(plan, ladder, engine, run.folder, everyone, started=started)
        else:
            listener.told("This calibration was already finished; this is its result.")
        result = read_calibration(run.storage, run.folder, prepared.name)
        write_calibration(result)
    return result


def _run(plan: Plan, ladder: Ladder, engine: Engine, folder: Path, listener: Listener, *, started: float) -> None:
    for level, store, listed in _levels(plan.prepared, ladder):
        stage = ListedStage(plan.prepared, level, store, listed, folder)
        run_level(stage, plan, engine, listener, since=started)


def _prepare(config: StudyConfig, hardware: Hardware) -> Prepared:
    """Prepare a study without the trainings that only a search makes."""
    return prepare(replace(config, evidence=EvidenceConfig()), hardware, suffix=f"-{CALIBRATION}")


def _levels(prepared: Prepared, ladder: Ladder) -> list[tuple[Level, StudyStore, list[Wanted]]]:
    """Return every level with its study and its trainings: all networks, one repeat of all after the other."""
    nets = networks(prepared)
    repeats = prepared.config.full.repeats
    short = [Wanted(candidate=net, repeat=0) for net in nets]
    full = [Wanted(candidate=net, repeat=repeat) for repeat in range(repeats) for net in nets]
    rungs = [(level, store, short) for level, store in zip(ladder.rungs, ladder.rung_stores, strict=True)]
    return [*rungs, (ladder.full, ladder.fulls, full)]


def networks(prepared: Prepared) -> list[Candidate]:
    """Draw the networks: a number of stages, each alike, then uniformly in the band, all different.

    More of them begin with the same ones.
    """
    band, wanted = prepared.tiers[-1].band, prepared.config.search.trials
    points: dict[bytes, Any] = {}
    rng = generator(prepared.config.search.seed, 0, Use.CALIBRATION)
    for _ in range(_MOST_DRAWS):
        drawn = band.draw(_DRAWS, rng=rng).points
        points |= {key: point for key, point in zip(row_keys(drawn), drawn, strict=True) if key not in points}
        if len(points) >= min(wanted, len(band)):
            break
    specs = [prepared.space.decode(point) for point in list(points.values())[:wanted]]
    return [prepared.candidate(spec, "random") for spec in specs]


def _expected(prepared: Prepared) -> dict[str, int]:
    nets = len(networks(prepared))
    return {**{rung_name(epochs): nets for epochs in prepared.rungs}, FULL: nets * prepared.config.full.repeats}


def _lines(prepared: Prepared) -> tuple[tuple[str, str], ...]:
    config = prepared.config
    lengths = ", ".join(plural(epochs, "epoch") for epochs in prepared.rungs)
    return (
        ("networks", f"{len(networks(prepared))} at random from the band"),
        ("short", f"each anew for {lengths}, recipe {config.proxy.recipe}"),
        (
            "full",
            f"each for {plural(prepared.full_epochs, 'epoch')}, {plural(config.full.repeats, 'seed')}, recipe "
            f"{config.full.recipe}",
        ),
    )
