"""Calibration: random networks of the band, trained for several short lengths and the full length."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from budgetnas.config.sections import EvidenceConfig
from budgetnas.config.study import StudyConfig
from budgetnas.engine.protocol import Engine
from budgetnas.exceptions import UsageError
from budgetnas.pipeline.engines import connected, engine_of
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.open_run import opened, rehearsed
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.plan_lines import calibration_lines
from budgetnas.pipeline.prepare import PreparedStudy, prepare
from budgetnas.pipeline.progress import Check, Everyone, Listener
from budgetnas.pipeline.provenance import add_driver
from budgetnas.pipeline.stages import Level, ListedTrials, PlannedTraining, count_left, run_level
from budgetnas.runs.calibration import Calibration, read_calibration, write_calibration
from budgetnas.runs.settings import CALIBRATION
from budgetnas.samplers.history import row_keys
from budgetnas.text import plural
from budgetnas.training.device import Hardware
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.streams import Stream, generator
from budgetnas.trials.trial import FULL, Candidate, rung_name

_DRAWS, _MOST_DRAWS = 64, 200
_Listed = tuple[Level, list[PlannedTraining]]  # a level with its trainings


def plan_calibration(config: StudyConfig, listener: Listener) -> Plan:
    """Tell the plan of what a calibration has left, all of it where there is none yet, and write nothing."""
    with connected(config) as hardware:
        prepared, ladder = rehearsed(_prepare(config, hardware, is_plan=True), kind=CALIBRATION)
        nets = networks(prepared)
        with engine_of(prepared) as engine:
            plan = _plan(prepared, engine, nets, _left(_levels(prepared, ladder, nets)))
    listener.planned(plan)
    return plan


def calibrate(config: StudyConfig, listener: Listener, *, command: Sequence[str]) -> Calibration:
    """Run a calibration to its end, or resume one that was stopped.

    Args:
        config: the study: `search.trials` networks, short trainings of all lengths in `proxy.rungs`.
        listener: hears plan, progress and news.
        command: the words that started this, for the manifest.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    started = time.monotonic()
    with connected(config) as hardware, opened(_prepare(config, hardware), kind=CALIBRATION) as run:
        prepared, ladder, nets = run.prepared, run.ladder, networks(run.prepared)
        ladder.fulls.record(RunFacts(drawn=tuple(net.spec.id for net in nets)))
        levels = _levels(prepared, ladder, nets)
        left = _left(levels)
        if any(left.values()):
            with engine_of(prepared) as engine:
                plan = _plan(prepared, engine, nets, left)
                listener.planned(plan)
                add_driver(ladder.fulls, prepared, command)
                everyone = Everyone(Check(run.check), listener)
                for level, listed in levels:
                    run_level(ListedTrials(prepared, level, listed, run.folder), plan, engine, everyone, since=started)
        else:
            listener.told("This calibration was already finished; this is its result.")
        result = read_calibration(run.storage, run.folder, prepared.name)
        write_calibration(result)
    return result


def _prepare(config: StudyConfig, hardware: Hardware, *, is_plan: bool = False) -> PreparedStudy:
    """Prepare a study without the trainings that only a search makes.

    Raises:
        UsageError: a short training would be longer than a full one.
    """
    proxy = replace(config.proxy, from_run=None)
    config = replace(config, evidence=EvidenceConfig(), proxy=proxy)
    prepared = prepare(config, hardware, suffix=f"-{CALIBRATION}", is_plan=is_plan)
    longest, full = prepared.rungs[-1], prepared.full_epochs
    if longest > full:
        raise UsageError(
            f"the longest short training has {plural(longest, 'epoch')}, but a full one on {prepared.data.name} has "
            f"{full}: give shorter `proxy.rungs`, or more `full.epochs`."
        )
    return prepared


def _levels(prepared: PreparedStudy, ladder: Ladder, nets: Sequence[Candidate]) -> list[_Listed]:
    """Return every level with its study and its trainings: all networks, one repeat of all after the other."""
    repeats = prepared.config.full.repeats
    short = [PlannedTraining(candidate=net, repeat=0) for net in nets]
    full = [PlannedTraining(candidate=net, repeat=repeat) for repeat in range(repeats) for net in nets]
    return [*((level, short) for level in ladder.rungs), (ladder.full, full)]


def networks(prepared: PreparedStudy) -> list[Candidate]:
    """Draw the networks: a number of stages, each alike, then uniformly in the band, all different.

    More of them begin with the same ones.
    """
    band, wanted = prepared.tiers[-1].band, prepared.config.search.trials
    points: dict[bytes, Any] = {}
    rng = generator(prepared.config.search.seed, 0, Stream.CALIBRATION)
    for _ in range(_MOST_DRAWS):
        drawn = band.draw(_DRAWS, rng=rng).points
        points |= {key: point for key, point in zip(row_keys(drawn), drawn, strict=True) if key not in points}
        if len(points) >= min(wanted, len(band)):
            break
    specs = [prepared.space.decode(point) for point in list(points.values())[:wanted]]
    return [prepared.candidate(spec, "random") for spec in specs]


def _left(levels: Sequence[_Listed]) -> dict[str, int]:
    return {level.name: count_left(level.store, listed) for level, listed in levels}


def _plan(prepared: PreparedStudy, engine: Engine, nets: Sequence[Candidate], left: Mapping[str, int]) -> Plan:
    every = {**dict.fromkeys(map(rung_name, prepared.rungs), len(nets)), FULL: len(nets) * prepared.config.full.repeats}
    lines = calibration_lines(prepared, len(nets))
    return make_plan(
        prepared, engine, left=left, kind=CALIBRATION, networks=len(nets), lines=lines, is_resumed=left != every
    )
