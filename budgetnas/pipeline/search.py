"""A search: plan, seeded models and proposals, promotion, the winner, the test set, the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from functools import partial

from budgetnas.config.study import StudyConfig
from budgetnas.engine.protocol import Work
from budgetnas.pipeline.board import Board
from budgetnas.pipeline.can_show import known_sd
from budgetnas.pipeline.describe import add_driver
from budgetnas.pipeline.driver import Driver, connected, engine_of
from budgetnas.pipeline.early import HOPELESS
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.look_by_look import train_controls
from budgetnas.pipeline.open_run import opened, rehearsed
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.prepare import prepare
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.progress import Check, Everyone, Listener
from budgetnas.pipeline.promote import choose, decide, decide_finals, planned, planned_finals, ranking, record_controls
from budgetnas.pipeline.random_arm import decide_arm, planned_arm
from budgetnas.pipeline.tracking import tracked
from budgetnas.pipeline.trial_source import ListedTrials, ProposedTrials
from budgetnas.pipeline.work_left import is_done, rival, why_stopped, work_left
from budgetnas.runs.certify import certify
from budgetnas.runs.files import publish, write_reports
from budgetnas.runs.final import final
from budgetnas.runs.result import SearchResult, read_result
from budgetnas.runs.settings import CUT_OFF
from budgetnas.runs.trusted import cannot_be_told_apart
from budgetnas.samplers.samplers import Sampler, TieredSampler, make_sampler
from budgetnas.trackers.known import load_trackers
from budgetnas.training.perform import perform
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import complete


def dry_run(config: StudyConfig, listener: Listener) -> Plan:
    """Return the plan of the trainings that a search has left, all of them for a new one; nothing is written."""
    with connected(config) as hardware:
        prepared, ladder = rehearsed(prepare(config, hardware, is_plan=True, message=listener.message))
        left, is_resumed = work_left(prepared, ladder), bool(ladder.first.trials)
        with engine_of(prepared) as engine:
            plan = make_plan(prepared, engine, left=left, is_resumed=is_resumed, seed_sd=known_sd(ladder))
    listener.planned(plan)
    return plan


def search(
    config: StudyConfig,
    listener: Listener,
    *,
    command: Sequence[str],
    track: str | Iterable[str] | None = None,
    work: Work = perform,
) -> SearchResult:
    """Run a search to its end, or resume one that was stopped.

    Args:
        config: the study.
        listener: receives plan, progress and messages.
        command: the words of the command, for the manifest.
        track: names of trackers; nothing of a search depends on them.
        work: performs the tasks in the workers, in place of training: importable there.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    started, trackers = time.monotonic(), load_trackers(track)
    with contextlib.ExitStack() as stack:
        hardware = stack.enter_context(connected(config))
        run = stack.enter_context(opened(prepare(config, hardware, message=listener.message)))
        prepared, ladder, fulls = run.prepared, run.ladder, run.ladder.fulls
        tracking = stack.enter_context(tracked(trackers, run.folder, levels=ladder.levels, facts=lambda: fulls.facts))
        is_resumed = bool(ladder.first.trials)
        if not is_done(prepared, ladder):
            fulls.record(RunFacts(stopped=CUT_OFF))
            with engine_of(prepared, work=work) as engine:
                left = work_left(prepared, ladder)
                plan = make_plan(prepared, engine, left=left, is_resumed=is_resumed, seed_sd=known_sd(ladder))
                everyone = Everyone(Check(run.check), listener, Board(run.storage, ladder.first.name), tracking)
                everyone.planned(plan)
                add_driver(fulls, prepared, command)
                clock = partial(plan.clock, since=started)
                driver = Driver(store=fulls, engine=engine, listener=everyone, clock=clock, budget=prepared.budget)
                climb(prepared, ladder, driver)
        else:
            listener.message("This search was already finished; this is its result.")
        fulls.record(RunFacts(stopped=why_stopped(prepared, ladder)))
        result = read_result(run.storage, run.folder, prepared.name)
        if result.winner is not None:
            missing = certify(result)
            if missing:
                listener.message(f"NOTE: {missing}")
        write_reports(result)
        publish(run.storage, result)
        tracking.conclude(final(result))
    return result


def climb(prepared: PreparedStudy, ladder: Ladder, driver: Driver) -> None:
    """Train and test what is left of a search, as far as its hours allow.

    Args:
        prepared: the study.
        ladder: its levels, with what earlier drivers trained.
        driver: that trains and tests.
    """
    first = ProposedTrials(prepared, ladder, make_study_sampler(prepared))
    clock = driver.clock(first.level.name)
    driver.train(first, clock)
    while (early := first.early_left) and not clock.is_over:  # else they are trained with the other promoted ones
        driver.train(ListedTrials(ladder.full, early, others=False), clock)
        driver.train(first, clock)
    if first.exhausted:
        driver.listener.message("The band holds no more architectures: the search ends early.")
    if first.is_hopeless:
        driver.listener.message(
            f"A new network is unlikely (below {100 * HOPELESS:.0f} %) to be shown better than the best one: no more "
            "short trainings start."
        )
    for rung, level in enumerate([*ladder.rungs[1:], ladder.full]):
        chosen = decide(prepared, ladder, rung)
        if rung == ladder.last and (alike := cannot_be_told_apart(chosen)):
            driver.listener.message(f"NOTE: {alike}")
        driver.train(ListedTrials(level, planned(prepared, ladder, rung, chosen)))
    if prepared.config.full.is_halving:
        driver.train(ListedTrials(ladder.full, planned_finals(prepared, ladder, decide_finals(prepared, ladder))))
    winner = choose(ladder.fulls, prepared.budgets, ranked=ranking(prepared, ladder))
    if winner is not None and ladder.random is not None:
        driver.train(ListedTrials(ladder.random, planned_arm(prepared, decide_arm(prepared, ladder))))
    if winner is not None and ladder.controls is not None:
        best = rival(prepared, ladder)
        record_controls(prepared, ladder.fulls, ladder.controls.store.trials, best)
        train_controls(prepared, ladder, winner, driver, best)
    for level in ladder.tested:
        driver.test(level, complete(level.store.trials))


def make_study_sampler(prepared: PreparedStudy) -> Sampler:
    """Make the sampler of a study, one for each of its tiers where it has several."""
    config = prepared.config.search
    samplers = [
        make_sampler(
            config.sampler,
            prepared.space,
            tier.band,
            seed=config.seed,
            over_budget=config.over_budget,
            rule=prepared.rule,
        )
        for tier in prepared.tiers
    ]
    return samplers[0] if len(samplers) == 1 else TieredSampler(samplers, seed=config.seed)
