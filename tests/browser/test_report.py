"""The report of a real small run, opened from its file."""

from __future__ import annotations

import csv

import pytest

from budgetnas.reports.confusion import confusion_caption, confusion_figure
from budgetnas.reports.markup import plot, section, shell

FIGURES = ("params", "macs", "curves", "progress", "scores", "importance", "fidelity", "controls")


@pytest.fixture(scope="module")
def opened(browser, run):
    browser.get((run / "report.html").as_uri())
    return browser


def drawn(browser, names):
    """Tell for each figure whether plotly has drawn it, and drawn something."""
    return browser.execute_script(
        """return arguments[0].map(name => {
        const plot = document.getElementById(name);
        return plot.querySelectorAll(".main-svg").length > 0 && plot.getBoundingClientRect().height > 100;
        })""",
        names,
    )


def overhang(browser):
    """Return by how many pixels the page is wider than its window, which a phone would make as wide as the page."""
    return browser.execute_script("const root = document.documentElement; return root.scrollWidth - root.clientWidth")


def cells(browser, name):
    """Return the words of a column of all trials in the order that they have now."""
    return browser.execute_script(
        """const table = document.querySelector("table.sortable");
        const i = [...table.tHead.rows[0].cells].findIndex(head => head.textContent === arguments[0]);
        return [...table.tBodies[0].rows].map(row => row.cells[i].textContent);""",
        name,
    )


def button(browser, name):
    return browser.find_element("xpath", f"//th[.='{name}']/button")


def test_every_figure_is_drawn_and_nothing_fails(opened):
    assert drawn(opened, FIGURES) == [True] * len(FIGURES)
    assert [entry["message"] for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_parallel_plot_scrolls_where_it_is_wider_and_a_line_names_its_network(opened):
    width, shown, text = opened.execute_script(
        """const box = document.getElementById("parallel"), text = box.querySelector("text.head");
        const colour = getComputedStyle(text).fill;
        return [box.querySelector("svg").getBoundingClientRect().width, box.clientWidth, colour];"""
    )
    assert shown <= opened.execute_script("return window.innerWidth")
    assert opened.execute_script("return document.getElementById('parallel').scrollWidth") >= int(width)
    dark = opened.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert text == ("rgb(157, 167, 177)" if dark else "rgb(87, 96, 106)")
    titles = opened.execute_script(
        "return [...document.querySelectorAll('#parallel path.line title')].map(title => title.textContent)"
    )
    assert all(title.startswith("trial ") and title.endswith(" %") for title in titles)
    assert len(titles) == len([word for word in cells(opened, "score") if word])


def test_every_plot_has_a_camera_and_little_else(opened):
    buttons = opened.execute_script(
        """return arguments[0].map(name => [...document.querySelectorAll(`#${name} .modebar-btn`)].map(
        button => button.dataset.title))""",
        FIGURES,
    )
    assert all(len(found) == 2 and found[0].startswith("Download plot") for found in buttons)


def test_the_page_itself_never_scrolls_sideways(opened):
    assert overhang(opened) <= 0


@pytest.mark.parametrize("name", ["score", "params", "full mean"])
def test_a_click_sorts_by_number_and_another_click_turns_round(opened, name):
    for order in ("ascending", "descending"):
        opened.execute_script("arguments[0].click()", button(opened, name))
        words = cells(opened, name)
        numbers = [float(word.split()[0].replace(",", "")) for word in words if word]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert words[: len(numbers)] == [word for word in words if word]
        assert button(opened, name).find_element("xpath", "..").get_attribute("aria-sort") == order
    assert len(opened.find_elements("css selector", "th[aria-sort=ascending], th[aria-sort=descending]")) == 1


def test_the_enter_key_sorts_too_and_rows_stay_whole(opened, run):
    button(opened, "trial").send_keys("\ue007")
    button(opened, "spec").send_keys("\ue007")
    with (run / "trials.csv").open() as file:
        specs = {row["trial"]: row["spec"] for row in csv.DictReader(file)}
    assert cells(opened, "spec") == [specs[number] for number in cells(opened, "trial")]
    assert cells(opened, "spec")[0].startswith("1x")


def test_print_opens_the_ledger_and_closes_it_again(opened):
    states = opened.execute_script(
        """const details = document.querySelector("details");
        const states = [details.open];
        for (const name of ["beforeprint", "afterprint"]) {
          window.dispatchEvent(new Event(name));
          states.push(details.open);
        }
        return states;"""
    )
    assert states == [False, True, False]


def test_the_page_of_a_calibration_is_drawn_too(browser, calibration, errors, asked):
    browser.get((calibration / "calibration.html").as_uri())
    assert drawn(browser, ["tau", "pairs"]) == [True, True]
    assert overhang(browser) <= 0
    assert errors() == []
    assert {address.partition(":")[0] for address in asked()} <= {"file", "data", "blob"}


def test_a_confusion_matrix_is_drawn_with_the_bundle(browser, errors, tmp_path_factory):
    page = tmp_path_factory.mktemp("confusion") / "page.html"
    classes = [f"class {i}" for i in range(10)]
    figure = confusion_figure([[90 if i == j else 1 for j in range(10)] for i in range(10)], classes)
    content = section("classes", "Classes", plot(figure, "confusion", confusion_caption("validation")))
    page.write_text(shell(title="x", opening="", sections=[content]))
    browser.get(page.as_uri())
    assert drawn(browser, ["confusion"]) == [True]
    assert overhang(browser) <= 0
    assert errors() == []
    texts = browser.execute_script(
        "return [...document.querySelectorAll('#confusion .heatmap-label text')].map(text => text.textContent)"
    )
    assert len(texts) == 100
    assert texts.count("91") == 10
