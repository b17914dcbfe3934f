"""The result of a calibration, read from its storage: how well short trainings, params and MACs rank networks."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budgetnas.evidence.fidelity import FEWEST_PAIRS, Chance, Fidelity, by_chance, fidelity
from budgetnas.evidence.lengths import Recommendation, recommend
from budgetnas.evidence.scores import ACCURACY
from budgetnas.reports.calibration import CalibrationFacts, calibration_page
from budgetnas.runs.calibration_set import CalibrationSet, drawn
from budgetnas.runs.costs import Cost, cost_table, measured
from budgetnas.runs.first_screen import about
from budgetnas.runs.headline import level_warnings
from budgetnas.runs.listing import CALIBRATED
from budgetnas.runs.settings import Kind, Setup, read_setup
from budgetnas.storage.database import Storage
from budgetnas.storage.files import write_json, write_text
from budgetnas.storage.study import read_study
from budgetnas.text import Display, Table, plural, write_csv
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import FULL, Candidate, in_words, rung_name

if TYPE_CHECKING:
    import pandas as pd

PAGE = "calibration.html"
_FEWEST = 2  # one network has no rank
_LARGEST_K = 3  # one in so many networks counts as the best, at most


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Calibration(Display):
    """A calibration, finished or not.

    Attributes:
        folder: its run directory.
        setup: its settings.
        drawn: its networks and their trainings.
        facts: what was recorded of it as a whole.
    """

    folder: Path
    setup: Setup
    drawn: CalibrationSet
    facts: RunFacts

    @property
    def drivers(self) -> Sequence[Mapping[str, Any]]:
        """The drivers, first to last: command, versions, hardware, settings."""
        return self.facts.drivers or ()

    @property
    def nets(self) -> list[Candidate]:
        """The networks that have a full score and one of every length, in the order of their drawing."""
        return self.drawn.nets

    @property
    def k(self) -> int:
        """The number of networks that count as the best: as many as a search promotes, but at most a third of all."""
        return max(1, min(self.setup.study.full.promote, len(self.nets) // _LARGEST_K))

    @property
    def warnings(self) -> list[str]:
        """The trainings that ended at chance, one line per level."""
        return level_warnings(self.drawn.levels, self.setup.data)

    def columns(self) -> tuple[dict[str, list[float]], list[float]]:
        """Return the rankings by name, and the full scores, one value per network: in points, or negative losses."""
        nets, full, factor = self.nets, self.drawn.scores(FULL), self.setup.score.factor
        proxies = {}
        for epochs in self.setup.rungs:
            short = self.drawn.scores(rung_name(epochs))
            proxies[plural(epochs, "epoch")] = [factor * short[net.spec.id] for net in nets]
        proxies["params alone"] = [float(net.params) for net in nets]
        proxies["MACs alone"] = [float(net.macs) for net in nets]
        return proxies, [factor * full[net.spec.id] for net in nets]

    def fidelities(self) -> list[Fidelity]:
        """Return the fidelity of every length, and of params and MACs alone; regret in points, or in loss."""
        proxies, full = self.columns()
        return [fidelity(name, values, full, k=self.k) for name, values in proxies.items()] if full else []

    def chance(self) -> Chance:
        """Return the expectation of k random networks; regret in points, or in loss."""
        return by_chance(self.columns()[1], k=self.k)

    def recommendation(self) -> Recommendation:
        """Recommend a length to search with."""
        proxies, full = self.columns()
        lengths = {epochs: proxies[plural(epochs, "epoch")] for epochs in self.setup.rungs}
        rivals = {"params": proxies["params alone"], "MACs": proxies["MACs alone"]}
        return recommend(lengths, full, rivals=rivals)

    def brief(self) -> dict[str, str]:
        """Return the first facts that a reader wants: how many networks are ranked, and the length to search with."""
        epochs = self.recommendation().epochs
        return {
            "networks": f"{len(self.nets):,} of {self.setup.study.search.trials:,}",
            "lengths": " and ".join(map(str, self.setup.rungs)),
            "recommended": "none" if epochs is None else plural(epochs, "epoch"),
            "data": self.setup.data.name,
            "folder": str(self.folder),
        }

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows of `calibration.csv`: one per network, its scores of every length in percent, or losses."""
        import pandas as pd

        return pd.read_csv(io.StringIO(calibration_csv(self)))


def read_calibration(storage: Storage, folder: Path, name: str) -> Calibration:
    """Read a calibration back, finished or not, without its data.

    Raises:
        StorageError: the storage holds no calibration of this name.
    """
    fulls, facts = read_study(storage, f"{name}/{FULL}")
    setup = read_setup(facts.setup, name=name, kind=Kind.CALIBRATION)
    studies = {rung: read_study(storage, f"{name}/{rung}")[0] for rung in map(rung_name, setup.rungs)}
    return Calibration(folder=folder, setup=setup, drawn=drawn(setup, facts, {**studies, FULL: fulls}), facts=facts)


def fidelity_table(result: Calibration) -> Table:
    """Return one row per ranking: its cost, its quality, and the expectation of random networks."""
    cost, k, n = _shares(result), result.k, len(result.nets)
    regret = "regret, points" if result.setup.score.is_share else "regret, loss"
    rows = [
        (one.name, cost.get(one.name, "0"), str(one.tau), str(one.recall), str(one.regret))
        for one in result.fidelities()
    ]
    if n < _FEWEST:
        rows = []
    else:
        chance = result.chance()
        rows.append(("at random", "0", "0.00", f"{chance.recall:.2f}", f"{chance.regret:.2f}"))
    return Table(
        title=f"How short trainings rank {plural(n, 'network')}",
        columns=("ranked by", "of a full training", "Kendall's tau", f"recall of the best {k}", regret),
        rows=rows,
        notes=[*(_meaning(result) if rows else ()), *_unfinished(result.drawn)],
    )


def _meaning(result: Calibration) -> tuple[str, str]:
    """Say what the columns mean."""
    k, seeds = result.k, result.drawn.seeds_done
    return (
        f"Of {k} promoted by a ranking: recall is the share of the truly best {k} among them, regret what the best of "
        "them scores below the best of all. A search, which promotes a few of many, demands more of a ranking than "
        f"{k} of {len(result.nets)}.",
        f"Scores are validation {result.setup.score.words} after the last epoch, full ones of "
        f"{plural(seeds, 'seed')}. Intervals are bootstraps over networks, given from {FEWEST_PAIRS} networks on: 95 % "
        "for tau, rough for recall and regret. "
        "None is given where its width would be 0.",
    )


def _shares(result: Calibration) -> dict[str, str]:
    """Write how many images a training of each length sees, of those that a full one sees."""
    images = {cost.level: cost.images / max(1, cost.trainings) for cost in _costs(result)}
    share = {epochs: images[rung_name(epochs)] / max(1, images[FULL]) for epochs in result.setup.rungs}
    return {plural(epochs, "epoch"): f"{found:.1%}" for epochs, found in share.items()}


def _unfinished(made: CalibrationSet) -> list[str]:
    """Say what is left to train, and which trainings failed."""
    if not made.left:
        return []
    left = ", ".join(f"{number} of {len(made.asked(level))} {in_words(level)}" for level, number in made.left.items())
    notes = [f"Left: {left}. Run the same command to resume."]
    if made.failed:
        failed = ", ".join(f"{number} of the {in_words(level)}" for level, number in made.failed.items())
        notes.append(f"Failed: {failed}. `budgetnas list RUN` says why; networks without a score are left out.")
    return notes


def tables(result: Calibration) -> list[Table]:
    """Return the table of proxies and the one of costs."""
    device = _driver(result)["device"]
    return [fidelity_table(result), cost_table(_costs(result), title="What it cost", device=device)]


def _costs(result: Calibration) -> list[Cost]:
    return [measured(level, trials) for level, trials in result.drawn.levels.items()]


def as_json(result: Calibration) -> dict[str, Any]:
    """Return it for programs."""
    recommendation = result.recommendation()
    return {
        "run": result.setup.name,
        "dataset": result.setup.data.name,
        "notice": result.setup.data.notice or None,
        "scored_by": result.setup.score.name,
        **asdict(result.setup.budget),
        "networks": len(result.nets),
        "seeds": result.drawn.seeds_done,
        "asked": len(result.drawn.asked(FULL)),
        "left": result.drawn.left,
        "failed": result.drawn.failed,
        "k": result.k,
        "proxies": [_finite(asdict(one)) for one in result.fidelities()],
        "at_random": result.chance()._asdict() if result.nets else None,
        "recommended_epochs": recommendation.epochs,
        "recommendation": recommendation.text,
        "warnings": result.warnings,
        "costs": list(map(asdict, _costs(result))),
        "drivers": result.drivers,
        "setup": result.setup.as_json(),
    }


def _finite(content: Any) -> Any:
    """Return JSON values without NaN, which JSON does not know: what is undefined is None."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return None if isinstance(content, float) and isnan(content) else content


def calibration_csv(result: Calibration) -> str:
    """Return one row per network as CSV, scores in percent, or losses."""
    setup, score = result.setup, result.setup.score
    name = "score" if score is ACCURACY else score.name
    proxies, full = result.columns()
    columns = ("spec", "params", "macs", *(f"{name}_{rung_name(epochs)}" for epochs in setup.rungs), f"{name}_full")
    scores = zip(*(proxies[plural(epochs, "epoch")] for epochs in setup.rungs), full, strict=True)
    rows = (
        (net.spec.id, net.params, net.macs, *(f"{score.shown(one):.4f}" for one in found))
        for net, found in zip(result.nets, scores, strict=True)
    )
    return write_csv(columns, rows)


def write_calibration(result: Calibration) -> Path:
    """Write page, CSV and JSON of a calibration, each file whole or not at all; return the page's path."""
    folder = result.folder
    write_text(folder / "calibration.csv", calibration_csv(result))
    write_json(folder / CALIBRATED, as_json(result))
    write_text(folder / PAGE, calibration_page(calibration_facts(result)))
    return folder / PAGE


def calibration_facts(result: Calibration) -> CalibrationFacts:
    """Return the facts of a calibration's page."""
    setup, score = result.setup, result.setup.score
    proxies, full = result.columns()
    lengths = {plural(epochs, "epoch"): epochs for epochs in setup.rungs}
    return CalibrationFacts(
        title=setup.name,
        notice=setup.data.notice,
        recommendation=result.recommendation().text,
        tables=tables(result),
        fidelities=result.fidelities(),
        lengths=lengths,
        proxies={
            name: list(map(score.shown, values)) if name in lengths else values for name, values in proxies.items()
        },
        full=list(map(score.shown, full)),
        score=score,
        labels=[net.spec.id for net in result.nets],
        command=_driver(result)["command"],
        warnings=result.warnings,
        about=about(setup, result.drivers),
    )


def _driver(result: Calibration) -> dict[str, str]:
    """Return command and device of the last driver."""
    found = result.drivers
    if not found:
        return {"command": "", "device": "no device yet"}
    return {"command": str(found[-1]["command"]), "device": str(found[-1]["hardware"]["device"])}
