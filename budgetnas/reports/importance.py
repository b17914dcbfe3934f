"""The importance of each dimension of the space: Optuna's PED-ANOVA on the trials of the first rung.

PED-ANOVA measures how the distribution of the best tenth of trials over a dimension differs from that of all trials
(Watanabe, Bansal and Hutter, arXiv:2304.10255). As in its conditional form (arXiv:2601.20800), blocks and width of a
stage are compared only among networks that have the stage; whether it exists counts for "stages".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import optuna
import plotly.graph_objects as go
from optuna.distributions import BaseDistribution, IntDistribution

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.style import SHORT, dress
from budgetnas.space.parameters import is_plain, kind_name, parameters
from budgetnas.text import plural
from budgetnas.trials.trial import Trial

FEWEST = 10  # trials, and networks with a dimension
ENOUGH = 50  # Optuna's advice: five or more trials in the best tenth


def importances(trials: Sequence[Trial]) -> dict[str, float] | str:
    """Return the importance of each dimension in [0, 1], summing to 1, highest first; or the reason for having none.

    Args:
        trials: COMPLETE trials of one rung. `reservations` names the dimensions that are left out.
    """
    if len(trials) < FEWEST:
        return f"Not estimated: this needs {FEWEST} finished short trainings or more, and there are {len(trials)}."
    if len({trial.score for trial in trials}) == 1:
        return "Not estimated: all short trainings have the same score."
    if len({trial.candidate.spec for trial in trials}) == 1:
        return "Not estimated: all networks trained are the same."
    values = _values(trials)
    names = [name for name, found in values.items() if not _lack(found)]
    if len(names) < 2:
        only = f"only {names[0]} differs" if names else "no dimension differs"
        return f"Not estimated: {only} among {FEWEST} networks or more."
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # takes seconds to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Optuna's way to say that it would only guess
            # Optuna says so where only one network is without a stage.
            warnings.filterwarnings("ignore", message="Some regimes")
            found = get_param_importances(_study(trials, values), evaluator=PedAnovaImportanceEvaluator(), params=names)
    except (UserWarning, ValueError, RuntimeError) as refusal:
        return f"Not estimated: Optuna says that {str(refusal).rstrip('.')}."
    return {name: float(share) for name, share in found.items()}


def reservations(trials: Sequence[Trial]) -> str:
    """Name the dimensions without an importance, and those with one from few networks; "" where there are none."""
    values = _values(trials)
    reasons: dict[str, list[str]] = {}
    for name, found in values.items():
        reasons.setdefault(_lack(found), []).append(name)
    left_out = [f"{', '.join(names)} ({why})" for why, names in reasons.items() if why]
    lines = [f"Left out: {'; '.join(left_out)}."] if left_out else []
    few = [name for name in reasons.get("", []) if len(values[name]) < ENOUGH]
    if len(trials) < ENOUGH:
        lines.append(f"With fewer than {ENOUGH} trials it is only a hint.")
    elif few:
        lines.append(f"From fewer than {ENOUGH} networks, so only a hint: {', '.join(few)}.")
    return " ".join(lines)


def _lack(values: Sequence[int]) -> str:
    """Return why a dimension with these values has no importance; "" where it has one."""
    if len(values) < FEWEST:
        return f"fewer than {FEWEST} networks have such a stage"
    return "the same in all networks that have it" if len(set(values)) == 1 else ""


def _values(trials: Sequence[Trial]) -> dict[str, list[int]]:
    """Return the values of every dimension, one per network that has it."""
    values: dict[str, list[int]] = {}
    for found in _dimensions(list(dict.fromkeys(trial.candidate.spec for trial in trials))):
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    return values


def _dimensions(specs: Sequence[ResNetSpec]) -> list[dict[str, int]]:
    """Return the dimensions that each network has, by their names in words."""
    is_wide = not all(map(is_plain, specs))
    found = [parameters(spec, is_wide=is_wide) for spec in specs]
    own = {name: 0 for values in found for name in values if name.startswith(kind_name(""))}  # of other kinds
    return [{name.replace("_", " "): value for name, value in (own | values).items()} for values in found]


def _study(trials: Sequence[Trial], values: Mapping[str, Sequence[int]]) -> optuna.Study:
    """Return an in-memory study with the trials, each with its network's dimensions."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the study is internal: no log line for it
    study = optuna.create_study(direction="maximize")
    optuna.logging.set_verbosity(verbosity)
    ranges = {name: IntDistribution(min(found), max(found)) for name, found in values.items()}
    for trial, params in zip(trials, _dimensions([trial.candidate.spec for trial in trials]), strict=True):
        own: dict[str, BaseDistribution] = {name: ranges[name] for name in params}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=own, value=trial.score))
    return study


def importance_caption(trials: Sequence[Trial]) -> str:
    """Return what the figure shows, and for which dimensions it says little or nothing."""
    text = (
        f"Importance of each dimension for being in the best tenth of {plural(len(trials), 'short training')}, by "
        "PED-ANOVA (Optuna). It describes the trials that the sampler chose, not the whole space. Blocks and width of "
        "a stage are compared only among networks that have the stage."
    )
    return " ".join(filter(None, [text, reservations(trials)]))


def importance_figure(shares: dict[str, float]) -> go.Figure:
    """Draw the importances as bars, highest on top."""
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
