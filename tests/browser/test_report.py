"""The report of a real small run, opened from its file."""

from __future__ import annotations

import csv

import pytest

from budgetnas.reports.confusion import confusion_caption, confusion_figure
from budgetnas.reports.markup import Section, plot
from budgetnas.reports.markup import page as whole_page

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


def boxes(browser, selector):
    """Return left, top, right and bottom of every element on the page, in pixels."""
    return browser.execute_script(
        """return [...document.querySelectorAll(arguments[0])].map(one => {
        const {left, top, right, bottom} = one.getBoundingClientRect();
        return [left, top + window.scrollY, right, bottom + window.scrollY];
        })""",
        selector,
    )


def text(browser, selector):
    return browser.find_element("css selector", selector).text


def test_the_first_screen_is_tiles_verdict_command_finalists_and_one_figure(opened, browser):
    tiles = boxes(opened, ".tiles div")
    assert len(tiles) == 6
    assert all(left >= 0 and right <= browser.execute_script("return innerWidth") for left, _, right, _ in tiles)
    assert len({round(left) for left, *_ in tiles}) == (2 if browser.execute_script("return innerWidth") < 640 else 3)
    parts = (".notice", ".tiles", ".verdict", ".verdict pre", "#section-result table", "#params")
    tops = [boxes(opened, f"{'' if part[0] == '#' else '#section-result '}{part}")[0][1] for part in parts]
    assert tops == sorted(tops)
    assert len(opened.find_elements("css selector", "#section-result .js-plotly-plot")) == 1
    assert "budgetnas search " in text(opened, ".verdict pre")
    notice = text(opened, ".notice")
    assert opened.execute_script("return document.body.innerText.split(arguments[0]).length - 1", notice) == 1


def test_every_link_leads_to_its_section_below_links_that_stay(opened):
    links = opened.find_elements("css selector", "nav a")
    assert len(links) >= 7
    for link in (links[1], links[-1], links[0]):
        opened.execute_script("arguments[0].click()", link)
        top, bar, head, left = opened.execute_script(
            """const section = document.querySelector(location.hash), nav = document.querySelector("nav");
            const head = section.querySelector("h2");
            return [section.getBoundingClientRect().top, nav.getBoundingClientRect().bottom, head.innerText,
                    document.documentElement.scrollHeight - innerHeight - Math.ceil(scrollY)];"""
        )
        assert head == opened.execute_script("return arguments[0].innerText", link)
        assert top >= 0
        assert top <= bar + 40 or left <= 1, "the last section may be shorter than the window"
        assert bar >= 20, "the links are in sight"


def test_the_trials_that_got_farthest_stand_first_and_no_column_is_empty(browser, run):
    browser.get((run / "report.html").as_uri())
    reached = [float(word.split()[0]) for word in cells(browser, "full mean") if word]
    assert reached == sorted(reached, reverse=True)
    assert [bool(word) for word in cells(browser, "full mean")][: len(reached)] == [True] * len(reached)
    empty = browser.execute_script(
        """const table = document.querySelector("table.sortable");
        return [...table.tHead.rows[0].cells].filter((head, i) =>
          [...table.tBodies[0].rows].every(row => !row.cells[i].textContent)).map(head => head.textContent);"""
    )
    assert empty == []


def test_the_footer_says_where_the_run_is_from(opened):
    words = opened.execute_script("return document.querySelector('footer').innerText")
    for name in ("Run it again", "training seeds", "SHA-256 of the data", "torch", "machine", "started"):
        assert name in words


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


LIGHT = {"rgb(255, 255, 255)": True, "rgb(20, 23, 27)": False}  # pages, and whether they are light


def looks(browser):
    """Return background, font and colours that a page of this product has."""
    return browser.execute_script(
        """const style = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
        return [style("body", "backgroundColor"), style("body", "color"), style("body", "fontFamily"),
                style("h1", "fontSize"), style(".brand b", "color"), style("nav", "position"),
                style("footer", "color"), document.querySelector(".brand b").innerText];"""
    )


def test_all_pages_look_like_one_product_in_light_and_dark(browser, run, calibration, comparison, atlas):
    found = []
    for page in (run / "report.html", calibration / "calibration.html", comparison, atlas):
        browser.get(page.as_uri())
        found.append(looks(browser))
        assert overhang(browser) <= 0
    assert all(one == found[0] for one in found)
    is_light = browser.execute_script("return matchMedia('(prefers-color-scheme: light)').matches")
    assert LIGHT[found[0][0]] == is_light


@pytest.mark.parametrize(("page", "figures"), [("comparison", ["winners"]), ("atlas", ["networks", "draws"])])
def test_other_pages_are_drawn_without_a_request(browser, errors, asked, request, page, figures):
    browser.get(request.getfixturevalue(page).as_uri())
    assert drawn(browser, figures) == [True] * len(figures)
    assert overhang(browser) <= 0
    assert errors() == []
    assert {address.partition(":")[0] for address in asked()} <= {"file", "data", "blob"}


def test_a_comparison_marks_what_differs_and_keeps_its_names_in_sight(browser, comparison):
    browser.get(comparison.as_uri())
    marked, plain = browser.execute_script(
        """const back = row => getComputedStyle(row.querySelector("td")).backgroundColor;
        const rows = [...document.querySelectorAll("#section-settings tbody tr")];
        return [true, false].map(differs => rows.filter(row => row.className.includes("differs") === differs)
          .map(row => [row.querySelector("th").innerText, back(row)]));"""
    )
    assert {"caps", "short trainings"} <= {name for name, _ in marked}
    assert {"data", "seed"} <= {name for name, _ in plain}
    assert {back for _, back in marked}.isdisjoint({back for _, back in plain})
    left = browser.execute_script(
        """const scroll = document.querySelector("#section-result .scroll"), head = scroll.querySelector("tbody th");
        scroll.scrollLeft = 999;
        return head.getBoundingClientRect().left - scroll.getBoundingClientRect().left;"""
    )
    assert abs(left) <= 1


def test_a_confusion_matrix_is_drawn_with_the_bundle(browser, errors, tmp_path_factory):
    page = tmp_path_factory.mktemp("confusion") / "page.html"
    classes = [f"class {i}" for i in range(10)]
    figure = confusion_figure([[90 if i == j else 1 for j in range(10)] for i in range(10)], classes)
    content = Section("classes", "Classes", plot(figure, "confusion", confusion_caption("validation")))
    page.write_text(whole_page("base.html", title="x", kind="test", sections=[content]))
    browser.get(page.as_uri())
    assert drawn(browser, ["confusion"]) == [True]
    assert overhang(browser) <= 0
    assert errors() == []
    texts = browser.execute_script(
        "return [...document.querySelectorAll('#confusion .heatmap-label text')].map(text => text.textContent)"
    )
    assert len(texts) == 100
    assert texts.count("91") == 10
