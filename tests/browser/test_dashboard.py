"""The live dashboard of a real small run: the right study, its note, figures, artifacts, and no word to the outside."""

from __future__ import annotations

import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

PATIENCE = 60


@pytest.fixture(scope="module")
def address(run):
    words = [sys.executable, "-m", "budgetnas", "dashboard", str(run), "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split()[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def wait_for(browser, script, *arguments):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, PATIENCE).until(lambda _: browser.execute_script(f"return {script}", *arguments))


def text_shown(browser, text):
    return wait_for(browser, "document.body.innerText.includes(arguments[0])", text)


def test_it_opens_on_the_study_of_all_candidates_with_our_figures(browser, address, errors, asked):
    browser.get(address)
    assert text_shown(browser, "digits-60k-s0/r1")
    for title in ("Accuracy against trainable parameters", "Accuracy against MACs", "Learning curves"):
        script = "[...document.querySelectorAll('.gtitle')].some(one => one.textContent.includes(arguments[0]))"
        assert wait_for(browser, script, title)
    for name in ("report.html", "trials.csv", "results.json", "arch.json"):
        assert text_shown(browser, name)
    assert errors() == []
    hosts = {urlsplit(address).hostname for address in asked()} - {None}
    assert hosts == {"127.0.0.1"}


def test_its_note_is_the_verdict(browser, address, errors, asked):
    browser.get(f"{address}/note")
    assert text_shown(browser, "The winner beside controls")
    assert text_shown(browser, "What it cost")
    assert errors() == []
    assert {urlsplit(address).hostname for address in asked()} - {None} == {"127.0.0.1"}


def test_an_over_budget_model_is_shown_as_pruned(browser, address):
    browser.get(f"{address}/trials?numbers=1")
    assert text_shown(browser, "over the cap")
    assert text_shown(browser, "Pruned")
    for column in ("utilisation", "macs"):
        assert text_shown(browser, column)
