"""Photograph the figure of cost against accuracy in a run's report, for the README.

`python docs/extensions/readme_picture.py RUN` writes `docs/search.png`; needs selenium and a Chromium with its driver.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PICTURE = Path(__file__).parents[1] / "search.png"
WIDTH, HEIGHT, SCALE = 900, 1200, 2


def photograph(report: Path) -> bytes:
    """Return the figure as PNG, at two pixels a CSS pixel."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for word in (
        "--headless=new",
        "--no-sandbox",
        f"--force-device-scale-factor={SCALE}",
        f"--window-size={WIDTH},{HEIGHT}",
    ):
        options.add_argument(word)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))) as browser:
        browser.get(report.absolute().as_uri())
        WebDriverWait(browser, 30).until(lambda opened: opened.find_elements(By.CSS_SELECTOR, "#params .main-svg"))
        return browser.find_element(By.CSS_SELECTOR, "#params").screenshot_as_png


if __name__ == "__main__":
    PICTURE.write_bytes(photograph(Path(sys.argv[1]) / "report.html"))
