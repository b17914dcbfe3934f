"""Print a study's row of the README's table of results.

    python studies/results/readme_row.py studies/results/animals

The cells are cap, baselines, what the search found, and hours of training on all devices together. Accuracies are means
over fresh seeds on the test set; a gain is in points, with the interval that decided on it.
"""

import json
import sys
from pathlib import Path

result = json.loads((Path(sys.argv[1]) / "results.json").read_text())
winner, *controls = result["controls"]
caps = [f"{result['max_params']:,} parameters", f"{result['max_macs'] / 1e6:.0f} M MACs"]
baselines = [f"{one['name']}: {100 * one['test_accuracy']:.2f} %" for one in controls]
gains = [
    f"{gain['value']:+.2f} [{gain['low']:+.2f}, {gain['high']:+.2f}] over {one['name']}, {one['verdict']}"
    for one in controls
    if (gain := one["gain"])
]
hours = sum(level["seconds"] for level in result["costs"]) / 3600
found = f"{100 * winner['test_accuracy']:.2f} %: {'; '.join(gains)}"
print(f"| {', '.join(caps)} | {'; '.join(baselines)} | {found} | {hours:.1f} |")
