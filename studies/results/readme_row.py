"""Print a study's row of the README's table of results.

    python studies/results/readme_row.py studies/results/animals

The cells are cap and data, baselines, what the search found, hours of training of one core or GPU, and the command.
Accuracies are means over fresh seeds on the test set. A gain is in points, with the interval that decided on it.
"""

import json
import sys
from pathlib import Path


def readme_row(folder: Path) -> str:
    """Return the row of the study in a folder under studies/results."""
    result = json.loads((folder / "results.json").read_text())
    winner, *controls = result["controls"]
    caps = f"{result['max_params']:,} parameters, {result['max_macs'] / 1e6:.0f} M MACs; {result['dataset']}"
    baselines = [f"{one['name']}: {100 * one['test_accuracy']:.2f} %" for one in controls]
    gains = [
        f"**{one['verdict']}** over {one['name']}: {gain['value']:+.2f} [{gain['low']:+.2f}, {gain['high']:+.2f}]"
        for one in controls
        if (gain := one["gain"])
    ]
    found = f"{100 * winner['test_accuracy']:.2f} %; {'; '.join(gains)}"
    hours = sum(level["seconds"] for level in result["costs"]) / 3600
    command = f"`studies/results/{folder.name}/study.sh FOLDER`"
    return f"| {caps} | {'; '.join(baselines)} | {found} | {hours:.1f} on two CPU cores | {command} |"


if __name__ == "__main__":
    print(readme_row(Path(sys.argv[1])))
