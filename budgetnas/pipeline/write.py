"""From a result to the files that a person opens: trials.csv, manifest.json, report.html."""

from __future__ import annotations

from typing import Any

from budgetnas.config.models import NamedModel, paper_models
from budgetnas.pipeline.provenance import drivers
from budgetnas.pipeline.result import SearchResult
from budgetnas.report.facts import FinalScore, ReportFacts
from budgetnas.report.page import report_page
from budgetnas.report.table import trials_csv
from budgetnas.storage.database import public_url
from budgetnas.storage.files import write_json, write_text


def write_reports(result: SearchResult, *, url: str, facts: dict[str, Any]) -> None:
    """Write every report of a run, each file whole or not at all.

    Args:
        result: what was found.
        url: of the study database.
        facts: of the study as a whole.
    """
    found = _facts(result, drivers(facts)[-1])
    write_text(result.folder / "trials.csv", trials_csv(found))
    write_json(result.folder / "manifest.json", manifest(result, url=url, facts=facts))
    write_text(result.folder / "report.html", report_page(found, headline=headline(result)))


def headline(result: SearchResult) -> str:
    """Say what was found in one sentence."""
    winner = result.winner
    data, cap = result.prepared.data, result.prepared.cap
    if winner is None:
        return f"No network has finished its full training yet ({result.stopped})."
    runs = len(winner.runs)
    spread = "" if winner.spread is None else f" +- {100 * winner.spread:.2f}"
    return (
        f"{winner.candidate.spec.id}: {winner.candidate.params:,} parameters "
        f"({winner.candidate.params / cap:.2%} of {cap:,}), "
        f"validation {100 * winner.score:.2f}{spread} % over {runs} seed{'s' if runs > 1 else ''}, "
        f"test {100 * result.test_accuracy(winner):.2f} % on {data.name}."
    )


def manifest(result: SearchResult, *, url: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed to trust a run and to make it again."""
    prepared = result.prepared
    return {
        "name": prepared.name,
        "notice": prepared.data.traits.notice or None,
        **drivers(facts)[-1],
        "earlier_drivers": drivers(facts)[:-1],
        "stopped": result.stopped,
        "seed": prepared.config.search.seed,
        "data": {
            "name": prepared.data.name,
            "fingerprint": prepared.data.fingerprint,
            "train": len(prepared.data.train),
            "validation": len(prepared.data.validation),
            "test": len(prepared.data.test),
        },
        "counts": result.counts(),
        "band": [prepared.band.low, prepared.band.high],
        "choices": facts.get("choices", []),
        "test_looks": facts.get("looks", {}),
        "storage": public_url(url),
    }


def _facts(result: SearchResult, driver: dict[str, Any]) -> ReportFacts:
    prepared, counts = result.prepared, result.counts()
    shape = prepared.data.shape
    finals = {
        finalist.parent: FinalScore(
            score=finalist.score,
            repeats=len(finalist.runs),
            test_accuracy=result.test_accuracy(finalist),
            curves=[run.curve for run in finalist.runs],
        )
        for finalist in result.finalists
    }
    about = "" if prepared.index.is_exact else "about "
    hours = sum(float(trial.attrs.get("seconds", 0)) for trial in result.trials) / 3600
    hours += sum(float(run.attrs["seconds"]) for finalist in result.finalists for run in finalist.runs) / 3600
    return ReportFacts(
        title=prepared.name,
        notice=prepared.data.traits.notice,
        dataset=prepared.data.name,
        max_params=prepared.cap,
        trials=result.trials,
        trusted=result.trusted,
        finals=finals,
        command=driver["command"],
        lines=(
            ("data", f"{prepared.data.name}: {len(prepared.data.train):,} training, "
                     f"{len(prepared.data.validation):,} validation, {len(prepared.data.test):,} test images of "
                     f"{shape.channels}x{shape.height}x{shape.width}, {shape.classes} classes"),
            ("space", f"{prepared.space_size:,} architectures, {about}{prepared.fitting:,} fit, "
                      f"{about}{len(prepared.band):,} in the band {prepared.band.low:,} to {prepared.band.high:,}"),
            ("trials", f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, "
                       f"{counts['trained']} trained, {counts['failed']} failed"),
            ("recommended", result.recommendation()),
            ("full trainings", f"{sum(len(finalist.runs) for finalist in result.finalists)} of "
                               f"{prepared.full_epochs} epochs"),
            ("training time", f"{hours:.2f} hours, summed over workers, on {driver['hardware']['device']}"),
            ("verdict", "Not tested against controls."),
            ("ended", result.stopped),
        ),
        references=[(model.name, _reference(model)) for model in paper_models() if model.reported_params],
    )  # fmt: skip


def _reference(model: NamedModel) -> str:
    """Say what the report says of one of its models."""
    parts = [f"{model.reported_params:,} parameters at 3 channels and 10 classes"]
    if model.reported_accuracy is not None:
        parts.append(f"{model.reported_accuracy} % reported")
    return "; ".join([*parts, model.note] if model.note else parts)
