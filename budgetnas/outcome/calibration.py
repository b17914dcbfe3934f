"""What a calibration found, read from its storage: how proxies of every length rank, beside params and MACs alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from statistics import mean
from typing import Any

from budgetnas.evidence.fidelity import Fidelity, fidelity
from budgetnas.evidence.lengths import Recommendation, recommend
from budgetnas.outcome.costs import cost_table, measured
from budgetnas.outcome.setup import CALIBRATION, Setup, read_setup
from budgetnas.records.levels import FULL, complete, rung_name
from budgetnas.records.numbers import plural
from budgetnas.records.table import Table
from budgetnas.records.trial import Candidate, Trial
from budgetnas.report.calibration import CalibrationFacts, calibration_page
from budgetnas.storage.database import Storage
from budgetnas.storage.files import write_json, write_text
from budgetnas.storage.study import read_study

PAGE = "calibration.html"
_LARGEST_K = 3  # one in so many networks counts as the best, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A calibration as far as it is.

    Attributes:
        folder: its run directory.
        setup: what it was set up with.
        levels: trials of every level, by its name.
        facts: what was recorded of it as a whole.
    """

    folder: Path
    setup: Setup
    levels: Mapping[str, Sequence[Trial]]
    facts: Mapping[str, Any]

    @property
    def drivers(self) -> Sequence[Mapping[str, Any]]:
        """Who trained it, first to last: command, versions, hardware, settings."""
        return list(self.facts.get("drivers", []))

    @property
    def nets(self) -> list[Candidate]:
        """The networks that have a full score and one of every length, in the order of their drawing."""
        nets = {trial.candidate.spec.id: trial.candidate for trial in self.levels[rung_name(self.setup.rungs[0])]}
        scores = [self.scores(level) for level in self.levels]
        return [net for spec, net in nets.items() if all(spec in found for found in scores)]

    @property
    def left(self) -> int:
        """How many networks still lack a score of some level."""
        return max(0, int(self.facts.get("networks", 0)) - len(self.nets))  # once there may have been more

    @property
    def k(self) -> int:
        """How many networks count as the best: as many as a search promotes, but at most a third of all."""
        return max(1, min(self.setup.study.full.promote, len(self.nets) // _LARGEST_K))

    def scores(self, level: str) -> dict[str, float]:
        """Return the mean score of each network's COMPLETE trainings at a level, in [0, 1], by the spec's id."""
        found: dict[str, list[float]] = {}
        for trial in complete(self.levels[level]):
            found.setdefault(trial.candidate.spec.id, []).append(trial.score or 0.0)
        return {spec: mean(scores) for spec, scores in found.items()}

    def columns(self) -> tuple[dict[str, list[float]], list[float]]:
        """Return what may rank the networks, by name, and their full scores, in points: one value a network each."""
        nets, full = self.nets, self.scores(FULL)
        proxies = {
            plural(epochs, "epoch"): [100 * self.scores(rung_name(epochs))[net.spec.id] for net in nets]
            for epochs in self.setup.rungs
        }
        proxies["params alone"] = [float(net.params) for net in nets]
        proxies["MACs alone"] = [float(net.macs) for net in nets]
        return proxies, [100 * full[net.spec.id] for net in nets]

    def fidelities(self) -> list[Fidelity]:
        """Judge every length, and params and MACs alone; regret in points of accuracy."""
        proxies, full = self.columns()
        return [fidelity(name, values, full, k=self.k) for name, values in proxies.items()] if full else []

    def recommendation(self) -> Recommendation:
        """Say which length to search with."""
        proxies, full = self.columns()
        lengths = {epochs: proxies[plural(epochs, "epoch")] for epochs in self.setup.rungs}
        rivals = {"params": proxies["params alone"], "MACs": proxies["MACs alone"]}
        return recommend(lengths, full, rivals=rivals)


def read_calibration(storage: Storage, folder: Path, name: str) -> Calibration:
    """Read a calibration back, finished or not, without its data.

    Raises:
        StorageError: the storage holds no calibration of this name.
    """
    fulls, facts = read_study(storage, f"{name}/{FULL}")
    setup = read_setup(facts.get("setup"), name=name, kind=CALIBRATION)
    rungs = {rung: read_study(storage, f"{name}/{rung}")[0] for rung in map(rung_name, setup.rungs)}
    return Calibration(folder=folder, setup=setup, levels={**rungs, FULL: fulls}, facts=facts)


def fidelity_table(result: Calibration) -> Table:
    """Return a row a proxy: what it costs and how it ranks."""
    cost = {plural(epochs, "epoch"): f"{epochs / result.setup.full_epochs:.1%}" for epochs in result.setup.rungs}
    unfinished = f"Not through every length yet: {plural(result.left, 'network')}. The same command goes on."
    return Table(
        title=f"How proxies rank {plural(len(result.nets), 'network')}",
        columns=("proxy", "of a full training", "Kendall's tau", f"recall of the best {result.k}", "regret, points"),
        rows=[
            (one.name, cost.get(one.name, "0"), str(one.tau), str(one.recall), str(one.regret))
            for one in result.fidelities()
        ],
        notes=[
            f"Of {result.k} promoted by the proxy: recall is the share of the truly best {result.k} among them, regret "
            "what the best of them scores below the best of all. Scores are validation accuracy after the last epoch; "
            "95 % intervals by bootstrap over networks.",
            *([unfinished] if result.left else []),
        ],
    )


def tables(result: Calibration) -> list[Table]:
    """Return the table of proxies and the one of costs."""
    costs = [measured(level, trials) for level, trials in result.levels.items()]
    return [fidelity_table(result), cost_table(costs, title="What it cost", device=_driver(result)["device"])]


def as_json(result: Calibration) -> dict[str, Any]:
    """Return it for programs."""
    recommendation = result.recommendation()
    return {
        "run": result.setup.name,
        "dataset": result.setup.data.name,
        "notice": result.setup.data.notice or None,
        "max_params": result.setup.cap,
        "networks": len(result.nets),
        "networks_left": result.left,
        "k": result.k,
        "proxies": [_finite(asdict(one)) for one in result.fidelities()],
        "recommended_epochs": recommendation.epochs,
        "recommendation": recommendation.text,
        "costs": [asdict(measured(level, trials)) for level, trials in result.levels.items()],
        "drivers": result.drivers,
        "setup": result.setup.as_json(),
    }


def _finite(content: Any) -> Any:
    """Return JSON values without NaN, which JSON does not know: what is undefined is None."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return None if isinstance(content, float) and isnan(content) else content


def write_calibration(result: Calibration) -> Path:
    """Write page, CSV and JSON of a calibration, each file whole or not at all; return the page's path."""
    setup, folder = result.setup, result.folder
    proxies, full = result.columns()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    lengths = [plural(epochs, "epoch") for epochs in setup.rungs]
    writer.writerow(("spec", "params", "macs", *(f"score_{rung_name(epochs)}" for epochs in setup.rungs), "score_full"))
    for i, net in enumerate(result.nets):
        scores = [proxies[length][i] for length in lengths]
        writer.writerow((net.spec.id, net.params, net.macs, *(f"{score:.4f}" for score in (*scores, full[i]))))
    write_text(folder / "calibration.csv", text.getvalue())
    write_json(folder / "calibration.json", as_json(result))
    facts = CalibrationFacts(
        title=setup.name,
        notice=setup.data.notice,
        recommendation=result.recommendation().text,
        tables=tables(result),
        fidelities=result.fidelities(),
        lengths=dict(zip(lengths, setup.rungs, strict=True)),
        proxies=proxies,
        full=full,
        labels=[net.spec.id for net in result.nets],
        command=_driver(result)["command"],
    )
    write_text(folder / PAGE, calibration_page(facts))
    return folder / PAGE


def _driver(result: Calibration) -> dict[str, str]:
    """Return command and device of the last driver."""
    found = result.drivers
    if not found:
        return {"command": "", "device": "no device yet"}
    return {"command": str(found[-1]["command"]), "device": str(found[-1]["hardware"]["device"])}
