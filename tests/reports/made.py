"""Made-up but plausible facts of a search under 5M parameters, as many trials as wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import paper_models
from budgetnas.evidence.accuracy import Accuracy, over_seeds
from budgetnas.evidence.estimate import welch
from budgetnas.reports.facts import Compared, FinalScore, NextStep, Reference, ReportFacts, Tile
from budgetnas.text import Table
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState

CAP = 5_000_000
SHAPE = DataShape()
SHORT, LONGER, FULL = 8, 24, 200
IMAGES, TEST_IMAGES = 5_000, 10_000
DISTINCT = 1_000  # networks; more trials than that repeat them, with other scores
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NOT_TESTED = "Not tested: no controls were trained, so nothing here says that the search helped."
FIDELITY = Table(
    title="Do short trainings rank as full ones do?",
    columns=("short training", "networks with both", "of them at random", "tau"),
    rows=(
        ("short trainings of 8 epochs", "5", "2", "0.40 [-0.20, 0.80]"),
        ("short trainings of 24 epochs", "5", "2", "0.60 [0.00, 1.00]"),
    ),
    notes=("Kendall's tau of the score after a short training and the mean score after full training.",),
)
CONTROLS = Table(
    title="The winner beside controls",
    columns=("network", "architecture", "params", "MACs", "seeds", "test %", "gain, points", "shown"),
    rows=(
        ("the winner", "4x72-5x136-3x248", "4,981,066", "1.021 G", "5", "95.61 +- 0.11", "", ""),
        ("model5", "4x64-5x128-3x256", "4,992,586", "0.865 G", "5", "95.38 +- 0.13", "+0.23 [+0.05, +0.41]", "a gain"),
        ("most MACs", "8x96-8x104-4x112", "4,990,210", "1.744 G", "5", "95.44 +- 0.09", "+0.17 [-0.01, +0.35]", "none"),
    ),
    notes=("All were trained alike, with seeds that no choice has seen.",),
)
COSTS = Table(
    title="What it cost",
    columns=("level", "trainings", "epochs", "images", "device hours"),
    rows=(
        ("short trainings of 8 epochs", "100", "800", "36,000,000", "6.42"),
        ("full trainings", "15", "3,000", "135,000,000", "24.10"),
        ("in all", "115", "3,800", "171,000,000", "30.52"),
    ),
    notes=("Hours of training, summed over workers, on one made-up device.",),
)


def made_facts(trials: int, *, finals: int = 5, seed: int = 0, tested: bool = True) -> ReportFacts:
    """Make facts: a third of the networks has a second rung, `finals` of them have 3 full trainings of 200 epochs."""
    rng = np.random.default_rng(seed)
    networks = [_candidate(_network(rng), "thompson") for _ in range(min(trials, DISTINCT))]
    proposed = (_trained(rng, n, networks[n % DISTINCT], seeded=False) for n in range(5, trials))
    first = [*_seeded(rng), *proposed][:trials]
    trained = [trial for trial in first if trial.state is TrialState.COMPLETE]
    best = sorted(trained, key=lambda trial: -trial.score)
    second = [_again(rng, number, trial) for number, trial in enumerate(best[: len(best) // 3])]
    full = {trial.number: _final(rng, trial, i) for i, trial in enumerate(best[:finals])}
    full = dict(sorted(full.items(), key=lambda item: -item[1].score))
    rungs = {f"r{SHORT}": first, f"r{LONGER}": second}
    scores = {name: {t.root: t.score for t in rung} for name, rung in rungs.items()}
    winner = next(iter(full), None)
    return ReportFacts(
        title="cifar10-5M-s0",
        notice="",
        dataset="cifar10",
        shape=SHAPE,
        images=IMAGES,
        cap=CAP,
        cost="params",
        headline=_headline(first[winner].candidate, full[winner]) if full else "No network has finished yet.",
        remarks=("Its validation accuracy was chosen as the highest of 5, so it flatters.",) if full else (),
        verdict="A gain over model5 (+0.23 [+0.05, +0.41]); no difference shown for most MACs (+0.17 [-0.01, +0.35]). "
        "Points of test accuracy, 5 fresh seeds of the winner."
        if tested
        else NOT_TESTED,
        is_tested=tested,
        lines=(
            ("data", "cifar10: 45,000 training, 5,000 validation, 10,000 test images of 3x32x32, 10 classes"),
            ("space", "2,974,562,808 architectures, 361,804,012 fit, 51,224,310 in the band 4,000,000 to 5,000,000"),
            ("trials", f"{trials} counted, 1 pruned over the cap, {len(trained)} trained, 0 failed"),
            ("ended", "all trials were done"),
        ),
        trials=first,
        trusted={trial.number: 0.5 * trial.score + 0.44 for trial in trained},
        rungs=rungs,
        finals=full,
        winner=winner,
        tables={"costs": COSTS, "fidelity": FIDELITY, "controls": CONTROLS} if tested else {"costs": COSTS},
        pairs={
            name: [(known[n], final.score) for n, final in full.items() if n in known] for name, known in scores.items()
        },
        references=_references(),
        command=f"budgetnas search --max-params 5e6 --trials {trials} --name cifar10-5M-s0",
        tiles=(
            Tile(name="network", value=first[winner].candidate.spec.id, note=f"trial {winner}"),
            Tile(name="data", value="cifar10"),
        )
        if full
        else (),
        next_step=NextStep(words="More seeds would tell more.", command="budgetnas search --set full.repeats=9"),
        about=(("seed", str(seed)), ("machine", "a made-up device")),
        warnings=("1 of 100 short trainings of 8 epochs ended at chance: 1x8.",),
        compared=_compared(rng) if tested and full else (),
        confusion={"validation": _confusion(rng), "test": _confusion(rng)} if full else {},
        classes=CLASSES,
    )


def _headline(candidate: Candidate, final: FinalScore) -> str:
    return (
        f"{candidate.spec.id}: {candidate.params:,} parameters ({candidate.params / CAP:.2%} of {CAP:,}), validation "
        f"{100 * final.score:.2f} +- {100 * final.spread:.2f} % over 3 seeds, test {100 * final.test_accuracy:.2f} % "
        "on cifar10."
    )


def _references() -> list[Reference]:
    models = [model for model in paper_models() if model.reported_params]
    costs = [count(model.spec, SHAPE) for model in models]
    return [
        Reference(name=m.name, params=c.params, macs=c.macs, accuracy=m.reported_accuracy, note=m.note)
        for m, c in zip(models, costs, strict=True)
    ]


def _seeded(rng: np.random.Generator) -> list[Trial]:
    found = []
    for number, model in enumerate(model for model in paper_models() if model.seeded):
        candidate = _candidate(model.spec, model.name)
        if candidate.params <= CAP:
            found.append(_trained(rng, number, candidate, seeded=True))
        else:
            reason = f"{candidate.params - CAP:,} parameters over the cap"
            facts = TrialFacts(seeded=True, reason=reason)
            found.append(Trial(number=number, candidate=candidate, state=TrialState.PRUNED, facts=facts))
    return found


def _network(rng: np.random.Generator) -> ResNetSpec:
    """Draw a network that fits, its last stage as wide as the cap allows."""
    while True:
        stages = int(rng.integers(2, 5))
        blocks = tuple(int(n) for n in rng.integers(1, 7, stages))
        widths = [int(w) for w in np.sort(rng.integers(4, 20, stages)) * 8]
        for last in range(512, widths[-2] - 1, -32):
            spec = ResNetSpec(blocks=blocks, widths=(*widths[:-1], last))
            if 0.75 * CAP < count(spec, SHAPE).params <= CAP:
                return spec


def _candidate(spec: ResNetSpec, origin: str) -> Candidate:
    cost = count(spec, SHAPE)
    return Candidate(spec=spec, params=cost.params, macs=cost.macs, origin=origin)


def _trained(rng: np.random.Generator, number: int, candidate: Candidate, *, seeded: bool) -> Trial:
    curve = _curve(rng, SHORT, 0.865 + _merit(candidate) + rng.normal(0, 0.004))
    facts = TrialFacts(seeded=seeded, seconds=round(float(rng.uniform(60, 300)), 3))
    return Trial(
        number=number,
        candidate=candidate,
        state=TrialState.COMPLETE,
        score=curve[SHORT],
        curve=curve,
        facts=facts,
    )


def _again(rng: np.random.Generator, number: int, trial: Trial) -> Trial:
    curve = _curve(rng, LONGER, 0.915 + 0.6 * _merit(trial.candidate) + rng.normal(0, 0.002))
    facts = TrialFacts(parent=trial.number, seconds=round(float(rng.uniform(200, 900)), 3))
    return Trial(
        number=number,
        candidate=trial.candidate,
        state=TrialState.COMPLETE,
        score=curve[LONGER],
        curve=curve,
        facts=facts,
    )


def _final(rng: np.random.Generator, trial: Trial, i: int) -> FinalScore:
    curves = [_curve(rng, FULL, 0.951 + 0.3 * _merit(trial.candidate) + rng.normal(0, 0.0012)) for _ in range(3)]
    scores = [curve[FULL] for curve in curves]
    tests = [score - 0.002 + rng.normal(0, 0.001) for score in scores]
    return FinalScore(
        score=float(np.mean(scores)),
        spread=float(np.std(scores, ddof=1)),
        interval=Accuracy(shares=scores, images=IMAGES).interval,
        seeds=(11, 12, 13),
        test_accuracy=float(np.mean(tests)),
        test_spread=float(np.std(tests, ddof=1)),
        test_interval=Accuracy(shares=tests, images=TEST_IMAGES).interval,
        is_random=i > 2,
        curves=curves,
    )


def _compared(rng: np.random.Generator) -> list[Compared]:
    """Make five seeds of each network in `CONTROLS`."""
    own = [0.9561 + rng.normal(0, 0.0011) for _ in range(5)]
    found = []
    for name, spec, *_ in CONTROLS.rows:
        tests = own if name == "the winner" else [0.9541 + rng.normal(0, 0.0011) for _ in range(5)]
        low, high = over_seeds(tests)
        gain = None if tests is own else welch([100 * test for test in own], [100 * test for test in tests])
        found.append(
            Compared(
                name=name,
                spec=spec,
                tests=tests,
                over_seeds=(low, high),
                over_images=(low - 0.004, high + 0.004),
                gain=gain,
                gain_on_images=gain and replace(gain, low=gain.low - 0.2, high=gain.high + 0.2),
                curves=[_curve(rng, FULL, test) for test in tests],
            )
        )
    return found


def _confusion(rng: np.random.Generator) -> list[list[int]]:
    """Make predictions for 500 images of every class, a few wrong."""
    return [rng.multinomial(500, [0.95 if i == j else 0.05 / 9 for j in range(10)]).tolist() for i in range(10)]


def _merit(candidate: Candidate) -> float:
    return 0.012 * float(np.log2(candidate.macs / 8e8)) + 0.004 * (len(candidate.spec.blocks) == 3)


def _curve(rng: np.random.Generator, epochs: int, end: float) -> dict[int, float]:
    """Return accuracies that rise to `end`, noisy while the learning rate is high."""
    left = 1 - np.arange(1, epochs + 1) / epochs
    path = end - 0.45 * left**2 * np.exp(-3 * (1 - left)) - 0.08 * left - np.abs(rng.normal(0, 0.03, epochs)) * left
    return {i + 1: round(float(np.clip(value, 0.1, 1)), 4) for i, value in enumerate(path)}
