"""The facts of a search's page, from its result."""

from __future__ import annotations

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.models import CIFAR10, paper_models
from budgetnas.evidence.accuracy import over_seeds, over_seeds_and_images
from budgetnas.evidence.scores import ACCURACY
from budgetnas.reports.facts import Compared, FinalScore, Reference, ReportFacts
from budgetnas.runs.fidelity import pairs
from budgetnas.runs.first_screen import about_search, next_step, tiles
from budgetnas.runs.headline import headline, recommendation, remarks
from budgetnas.runs.result import SearchResult, drawn_at_random
from budgetnas.runs.sequence import images_of
from budgetnas.runs.summary import seeds_of, tables, tried_first, warnings
from budgetnas.runs.verdict import Comparison, compare, equal_cost, verdict
from budgetnas.text import plural
from budgetnas.trials.selection import Finalist
from budgetnas.trials.trial import CONTROLS, in_words


def report_facts(result: SearchResult) -> ReportFacts:
    """Return the facts of the report page."""
    setup, compared = result.setup, compare(result)
    return ReportFacts(
        title=setup.name,
        notice=setup.data.notice,
        dataset=setup.data.name,
        tiles=tiles(result),
        shape=setup.data.shape,
        images=setup.data.validation,
        score=setup.score,
        cap=setup.cap,
        cost=setup.cost,
        headline=headline(result),
        remarks=remarks(result),
        verdict=verdict(result, compared),
        is_tested=any(one.gain or one.spec == compared[0].spec for one in compared[1:]),
        next_step=next_step(result, compared),
        lines=_lines(result),
        trials=result.trials,
        trusted=result.trusted,
        rungs=result.rungs,
        finals={finalist.parent: _final(result, finalist) for finalist in result.finalists},
        winner=result.winner.parent if result.winner else None,
        tables=tables(result),
        pairs={name: list(scores.values()) for name, scores in pairs(result).items()},
        references=_references() if setup.study.data.dataset == CIFAR10 else (),
        command=str(result.drivers[-1]["command"]) if result.drivers else "",
        warnings=warnings(result),
        about=about_search(result),
        confusion=result.confusion,
        classes=result.classes,
        caps=setup.budget.caps(),
        weights=setup.budget.weights,
        compared=[_compared(result, one) for one in compared] if len({one.spec for one in compared}) > 1 else (),
    )


def _lines(result: SearchResult) -> list[tuple[str, str]]:
    setup, counts = result.setup, result.counts()
    data, shape = setup.data, setup.data.shape
    about = "" if setup.is_exact else "about "
    lines = [
        (
            "data",
            f"{data.name}: {data.train:,} training, {data.validation:,} validation, {data.test:,} test images of "
            f"{shape.channels}x{shape.height}x{shape.width}, {shape.classes} classes",
        ),
        ("space", f"{setup.space_size:,} networks"),
    ]
    lines += [
        (
            "budget",
            f"{setup.budget_of(tier).in_words}: {about}{tier.fitting:,} fit, {about}{tier.members:,} in the band "
            f"{tier.low:,} to {tier.high:,}{'' if setup.cost == 'params' else ' bytes'}",
        )
        for tier in setup.tiers
    ]
    fulls = sum(len(finalist.runs) for finalist in result.finalists)
    taken, first = result.facts.taken, tried_first(seeds_of(result.trials))
    if taken:
        trainings = ", ".join(f"{number} {in_words(level)}" for level, number in taken.trainings.items())
        lines.append(("taken over", f"from {taken.source}: {trainings}"))
    return [
        *lines,
        *([("tried first", first)] if first else []),
        (
            "trials",
            f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, {counts['trained']} trained, "
            f"{counts['failed']} failed",
        ),
        ("by short trainings", recommendation(result)),
        ("full trainings", f"{fulls} of {plural(setup.full_epochs, 'epoch')}, {len(result.finalists)} networks"),
        *([("equal cost", arm)] if (arm := equal_cost(result)) else []),
        ("test set", f"read {result.looked()}"),
        ("ended", result.stopped),
    ]


def _final(result: SearchResult, finalist: Finalist) -> FinalScore:
    accuracies = result.accuracies_of(finalist)
    validation, test, is_other = accuracies.scored, accuracies.test_accuracy, result.setup.score is not ACCURACY
    accuracy, score = accuracies.validation_accuracy, accuracies.test
    return FinalScore(
        score=validation.mean,
        spread=validation.spread,
        interval=validation.interval,
        seeds=accuracies.seeds,
        test_accuracy=test.mean if test else None,
        test_spread=test.spread if test else None,
        test_interval=test.interval if test else None,
        accuracy=accuracy.mean if accuracy and is_other else None,
        test_score=score.mean if score and is_other else None,
        test_score_spread=score.spread if score and is_other else None,
        test_score_interval=score.interval if score and is_other else None,
        is_random=finalist.parent in drawn_at_random(result.facts),
        curves=[run.curve for run in finalist.runs],
    )


def _compared(result: SearchResult, one: Comparison) -> Compared:
    trainings, score = one.accuracies.trainings, result.setup.score
    right = images_of([look for run in trainings if (look := result.looks.of(run, CONTROLS))]) if one.tests else None
    wider = None if right is None else over_seeds_and_images(right)
    return Compared(
        name=one.name,
        spec=one.spec,
        tests=one.tests,
        over_seeds=over_seeds(one.tests) if one.tests else None,
        over_images=score.shown_interval(wider) if wider else None,
        gain=one.gain,
        gain_on_images=one.wider,
        curves=[run.curve for run in trainings if run.curve],
    )


def _references() -> list[Reference]:
    """Return the models of Pei et al. with their reported numbers on CIFAR-10."""
    return [
        Reference(
            name=model.name,
            params=model.reported_params,
            macs=count(model.spec, DataShape()).macs,
            accuracy=model.reported_accuracy,
            note=model.note,
        )
        for model in paper_models()
        if model.reported_params
    ]
