"""Calibration: random networks of the band, trained for several short lengths and the full length."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from budgetnas.arrays import Stream, generator
from budgetnas.config.evidence import EvidenceConfig
from budgetnas.config.study import StudyConfig
from budgetnas.engine.protocol import Engine
from budgetnas.exceptions import UsageError
from budgetnas.pipeline.describe import add_driver
from budgetnas.pipeline.driver import Driver, connected, engine_of
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining, StudyLevel
from budgetnas.pipeline.open_run import opened, rehearsed
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.progress import Check, Everyone, Listener
from budgetnas.pipeline.tracking import tracked
from budgetnas.pipeline.trial_source import ListedTrials
from budgetnas.pipeline.work_left import expected
from budgetnas.runs.calibration import Calibration, read_calibration, write_calibration
from budgetnas.runs.final import final
from budgetnas.runs.settings import Kind
from budgetnas.samplers.history import row_keys
from budgetnas.text import plural
from budgetnas.trackers.known import load_trackers
from budgetnas.training.device import Hardware
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import Candidate

_DRAWS, _MOST_DRAWS = 64, 200
_Planned = list[tuple[StudyLevel, list[PlannedTraining]]]  # each level with its trainings


def plan_calibration(config: StudyConfig, listener: Listener) -> Plan:
    """Return the plan of the trainings that a calibration has left, all of them for a new one; nothing is written."""
    with connected(config) as hardware:
        prepared, ladder = rehearsed(_prepare(config, hardware, listener, is_plan=True))
        with engine_of(prepared) as engine:
            plan = _plan(prepared, engine, _trainings(prepared, ladder, networks(prepared)))
    listener.planned(plan)
    return plan


def calibrate(
    config: StudyConfig, listener: Listener, *, command: Sequence[str], track: str | Iterable[str] | None = None
) -> Calibration:
    """Run a calibration to its end, or resume one that was stopped.

    Args:
        config: the study: `search.trials` networks, short trainings of all lengths in `proxy.rungs`.
        listener: receives plan, progress and messages.
        command: the words of the command, for the manifest.
        track: names of trackers; nothing of a calibration depends on them.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    started, trackers = time.monotonic(), load_trackers(track)
    with contextlib.ExitStack() as stack:
        hardware = stack.enter_context(connected(config))
        run = stack.enter_context(opened(_prepare(config, hardware, listener)))
        prepared, fulls, nets = run.prepared, run.ladder.fulls, networks(run.prepared)
        tracking = stack.enter_context(
            tracked(trackers, run.folder, levels=run.ladder.levels, facts=lambda: fulls.facts)
        )
        fulls.record(RunFacts(drawn=tuple(net.spec.id for net in nets)))
        trainings = _trainings(prepared, run.ladder, nets)
        if any(level.count_left(planned) for level, planned in trainings):
            with engine_of(prepared) as engine:
                plan = _plan(prepared, engine, trainings)
                everyone = Everyone(Check(run.check), listener, tracking)
                everyone.planned(plan)
                add_driver(fulls, prepared, command)
                clock = partial(plan.clock, since=started)
                driver = Driver(store=fulls, engine=engine, listener=everyone, clock=clock, budget=prepared.budget)
                for level, planned in trainings:
                    driver.train(ListedTrials(level, planned))
        else:
            listener.message("This calibration was already finished; this is its result.")
        result = read_calibration(run.storage, run.folder, prepared.name)
        write_calibration(result)
        tracking.conclude(final(result))
    return result


def _prepare(config: StudyConfig, hardware: Hardware, listener: Listener, *, is_plan: bool = False) -> PreparedStudy:
    """Prepare a study without the trainings that only a search makes.

    Raises:
        UsageError: a short training would be longer than a full one.
    """
    proxy = replace(config.proxy, from_run=None)
    config = replace(config, evidence=EvidenceConfig(), proxy=proxy)
    prepared = prepare(config, hardware, kind=Kind.CALIBRATION, is_plan=is_plan, message=listener.message)
    longest, full = prepared.rungs[-1], prepared.full_epochs
    if longest > full:
        raise UsageError(
            f"the longest short training has {plural(longest, 'epoch')}, but a full one on {prepared.data.name} has "
            f"{full}: give shorter `proxy.rungs`, or more `full.epochs`."
        )
    return prepared


def _trainings(prepared: PreparedStudy, ladder: Ladder, nets: Sequence[Candidate]) -> _Planned:
    """Return every level with its trainings: all networks, one repeat of all after the other."""
    repeats = prepared.config.full.repeats
    short = [PlannedTraining(candidate=net, repeat=0) for net in nets]
    full = [PlannedTraining(candidate=net, repeat=repeat) for repeat in range(repeats) for net in nets]
    return [*((level, short) for level in ladder.rungs), (ladder.full, full)]


def networks(prepared: PreparedStudy) -> list[Candidate]:
    """Draw the networks: a number of stages uniformly, then a network of the band uniformly; all differ.

    A larger number starts with the same networks.
    """
    band, number = prepared.tiers[-1].band, prepared.config.search.trials
    points: dict[bytes, Any] = {}
    rng = generator(prepared.config.search.seed, 0, Stream.CALIBRATION)
    for _ in range(_MOST_DRAWS):
        drawn = band.draw(_DRAWS, rng=rng).points
        points |= {key: point for key, point in zip(row_keys(drawn), drawn, strict=True) if key not in points}
        if len(points) >= min(number, len(band)):
            break
    specs = [prepared.space.decode(point) for point in list(points.values())[:number]]
    return [prepared.candidate(spec, "random") for spec in specs]


def _plan(prepared: PreparedStudy, engine: Engine, trainings: _Planned) -> Plan:
    left = {level.name: level.count_left(planned) for level, planned in trainings}
    nets = len(trainings[0][1])
    return make_plan(prepared, engine, left=left, networks=nets, is_resumed=left != expected(prepared, nets))
