"""Which dimensions of the space mattered: Optuna's PED-ANOVA on the trials of the first rung.

PED-ANOVA asks how differently the best tenth of all trials is spread over a dimension (Watanabe, Bansal and Hutter,
arXiv:2304.10255).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
import plotly.graph_objects as go
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from budgetnas.records.trial import Trial
from budgetnas.report.palette import SHORT, dress
from budgetnas.storage.study import Ranges

FEWEST = 10
ENOUGH = 50  # Optuna's own advice: five trials or more in the best tenth


def importances(trials: Sequence[Trial]) -> dict[str, float] | str:
    """Return the importance of each dimension in [0, 1], summing to 1 and the highest first, or why there is none.

    Args:
        trials: COMPLETE ones of one rung; dimensions that are the same for all are left out.
    """
    if len(trials) < FEWEST:
        return f"Not estimated: it takes {FEWEST} finished short trainings or more, and there are {len(trials)}."
    if len({trial.score for trial in trials}) == 1:
        return "Not estimated: all short trainings have the same score."
    study, varied = _study(trials)
    if not varied:
        return "Not estimated: all networks trained are the same."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # as which Optuna says that it would only guess
            found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), params=varied)
    except (UserWarning, ValueError, RuntimeError) as refusal:
        return f"Not estimated: Optuna says that {str(refusal).rstrip('.')}."
    return {name.replace("_", " "): float(share) for name, share in found.items()}


def _study(trials: Sequence[Trial]) -> tuple[optuna.Study, list[str]]:
    """Return a study in memory that holds the trials, and the names of its dimensions that vary."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # nobody wants to hear of a study that nobody sees
    study = optuna.create_study(direction="maximize")
    optuna.logging.set_verbosity(verbosity)
    first = trials[0].candidate.spec
    ranges = Ranges(
        stages=(len(first.blocks), len(first.blocks)),
        blocks=(min(first.blocks), max(first.blocks)),
        widths=(min(first.widths), max(first.widths)),
    )
    for trial in trials:
        ranges = ranges.cover(trial.candidate.spec)
    distributions = ranges.distributions()
    points = [ranges.encode(trial.candidate.spec) for trial in trials]
    for point, trial in zip(points, trials, strict=True):
        study.add_trial(optuna.trial.create_trial(params=point, distributions=distributions, value=trial.score))
    return study, [name for name in distributions if len({point[name] for point in points}) > 1]


def importance_figure(shares: dict[str, float]) -> go.Figure:
    """Draw the importances as bars, the highest on top."""
    names = list(reversed(shares))
    figure = go.Figure(
        go.Bar(
            x=[round(shares[name], 4) for name in names],
            y=names,
            orientation="h",
            marker={"color": SHORT},
            text=[f"{shares[name]:.2f}" for name in names],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    dress(figure, x="share of importance", y="", height=110 + 30 * len(names))
    figure.update_layout(bargap=0.35, xaxis={"range": [0, 1.12 * max(shares.values())]}, margin={"r": 24})
    figure.update_yaxes(showgrid=False, ticksuffix="  ")
    return figure
