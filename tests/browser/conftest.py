"""A real small run, and Chromium with a record of everything that it asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

RUN = (
    "search", "--max-params", "60k", "--trials", 14, "--promote", 3, "--full-epochs", 2, "--device", "cpu",
    "--dataset", "digits", "--set", "proxy.rungs=[1, 2]", "--set", "full.repeats=2",
    "--set", "evidence.controls=true", "--set", "evidence.control_promotions=3",
)  # fmt: skip
CALIBRATION = (
    "calibrate", "--max-params", "60k", "--networks", 10, "--lengths", "1,2", "--full-epochs", 2, "--device", "cpu",
    "--dataset", "digits",
)  # fmt: skip
WORDS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("there is no Chromium with a chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for word in WORDS:
        options.add_argument(word)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module", params=["phone-light", "phone-dark", "desk-light", "desk-dark"])
def browser(request, chromium):
    """The browser at one width, in light or in dark, its records emptied."""
    device, scheme = request.param.split("-")
    size = {"width": 375 if device == "phone" else 1280, "height": 900, "deviceScaleFactor": 1}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "mobile": device == "phone"})
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chromium.get_log("browser"), chromium.get_log("performance")
    return chromium


@pytest.fixture(scope="session")
def run(chromium, budgetnas, tmp_path_factory):
    """The folder of a real search with rungs, repeats, random promotions and controls."""
    folder = tmp_path_factory.mktemp("run")
    done = budgetnas(*RUN, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits-60k-s0"


@pytest.fixture(scope="session")
def calibration(chromium, budgetnas, tmp_path_factory):
    """The folder of a real calibration."""
    folder = tmp_path_factory.mktemp("calibration")
    done = budgetnas(*CALIBRATION, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits-60k-s0-calibration"


OLDER = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "finished"


@pytest.fixture(scope="session")
def comparison(run, budgetnas, tmp_path_factory):
    """The page that compares the search with one of an older version."""
    folder = tmp_path_factory.mktemp("comparison")
    shutil.copytree(OLDER, folder / OLDER.name)
    done = budgetnas("report", run, OLDER.name, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "comparison.html"


@pytest.fixture(scope="session")
def atlas(chromium, budgetnas, tmp_path_factory):
    """The page of a survey of a space."""
    page = tmp_path_factory.mktemp("atlas") / "atlas.html"
    done = budgetnas("space", "--max-params", "300k", "--html", page)
    assert done.returncode == 0, done.stderr
    return page


@pytest.fixture
def errors(browser):
    """Return what the console has told as an error since the page was opened."""
    return lambda: [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def asked(browser):
    """Return every address that was asked for since the browser was handed out."""
    seen = []

    def addresses():
        for entry in browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                seen.append(message["params"]["request"]["url"])
        return seen

    return addresses
