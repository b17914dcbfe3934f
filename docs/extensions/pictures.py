"""Draw the pictures of README and pages from committed results.

`python docs/extensions/pictures.py` needs selenium and a Chromium with its driver. It writes

- `docs/search.png`: cost against accuracy of studies/results/resnet20_budget, drawn from its tables;
- `docs/report.png`: the top of the report of studies/results/animals;
- `docs/controls.png`: its figure of winner and controls.
"""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.reports.cost import cost_figure
from budgetnas.reports.facts import FinalScore, ReportFacts
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState

ROOT = Path(__file__).resolve().parents[2]
DOCS, RESULTS = ROOT / "docs", ROOT / "studies" / "results"
RUN, PAGE = RESULTS / "resnet20_budget", RESULTS / "animals" / "report.html"
SCALE = 2


def read_facts(run: Path) -> ReportFacts:
    """Return what the figure shows of a run: its trials, its full trainings, the winner and the cap."""
    results = json.loads((run / "results.json").read_text())
    setup = results["setup"]
    with (run / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    return ReportFacts(
        title=results["run"],
        notice="",
        dataset=results["dataset"],
        shape=DataShape(**setup["data"]["shape"]),
        images=setup["data"]["validation"],
        cap=results["max_params"],
        cost="params",
        headline="",
        remarks=(),
        verdict=results["verdict"],
        is_tested=True,
        lines=(),
        trials=[_trial(row, setup["study"]["search"]["first_models"]) for row in rows],
        trusted={int(row["trial"]): float(row["posterior_mean"]) for row in rows},
        rungs={},
        finals={int(row["trial"]): _final(row) for row in rows if row["full_score"]},
        winner=results["winner"]["trial"],
        command="",
    )


def _trial(row: dict[str, str], first_models: list[str]) -> Trial:
    spec, origin = ResNetSpec.from_id(row["spec"]), row["origin"]
    return Trial(
        number=int(row["trial"]),
        candidate=Candidate(spec=spec, params=int(row["params"]), macs=int(row["macs"]), origin=origin),
        state=TrialState(row["state"]),
        score=float(row["score"]),
        facts=TrialFacts(seeded=origin in first_models),
    )


def _final(row: dict[str, str]) -> FinalScore:
    return FinalScore(
        score=float(row["full_score"]),
        spread=float(row["full_sd"]),
        interval=(0.0, 1.0),  # not in the figure
        seeds=(),
        test_accuracy=None,
        test_spread=None,
        test_interval=None,
        is_random=False,
        curves=(),
    )


@contextlib.contextmanager
def shown(page: Path, size: tuple[int, int]) -> Iterator[webdriver.Chrome]:
    """Show a page in a browser of `size` CSS pixels, at two pixels a CSS pixel."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    options.add_argument("--headless=new")
    options.add_argument("--no-sandbox")
    options.add_argument("--hide-scrollbars")
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as browser:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": SCALE, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(page.as_uri())
        yield browser


def search_picture() -> bytes:
    """Return the figure of cost against accuracy as PNG."""
    figure = cost_figure(read_facts(RUN), "params")
    figure.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        figure.write_html(page, config={"displayModeBar": False})
        with shown(page, (900, 900)) as browser:
            return browser.find_element(By.CSS_SELECTOR, ".js-plotly-plot").screenshot_as_png


if __name__ == "__main__":
    (DOCS / "search.png").write_bytes(search_picture())
    with shown(PAGE, (1280, 1000)) as browser:
        (DOCS / "report.png").write_bytes(browser.get_screenshot_as_png())
        (DOCS / "controls.png").write_bytes(browser.find_element(By.ID, "controls").screenshot_as_png)
