from __future__ import annotations

import hashlib

from plotly.offline import get_plotlyjs_version

from budgetnas.reports.plotly_script import FOLDER, SHA256, VERSION, plotly_script


def test_the_script_is_the_published_one_and_its_licence_is_beside_it():
    assert hashlib.sha256(plotly_script().encode()).hexdigest() == SHA256
    assert f"plotly.js (cartesian - minified) v{VERSION}\n" in plotly_script()[:200]
    assert "MIT License" in (FOLDER / "LICENSE").read_text()


def test_it_reads_what_the_installed_plotly_writes():
    major, installed = (int(version.partition(".")[0]) for version in (VERSION, get_plotlyjs_version()))
    assert major >= installed


def test_no_page_ends_inside_the_script():
    assert "</script" not in plotly_script().lower()
