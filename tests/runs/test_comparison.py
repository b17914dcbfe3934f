"""Searches beside one another: two that an older version made, one finished and one stopped."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import SCRIPTS, tags

from budgetnas.exceptions import StorageError, UsageError
from budgetnas.reports.comparison import comparison_page, result_rows, setting_rows, winners_figure
from budgetnas.reports.facts import Tile
from budgetnas.runs.comparison import compared, read_searches, warnings_of, write_comparison

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "runs"
    for name in ("finished", "stopped", "trained"):
        shutil.copytree(MADE / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return read_searches([str(folder / "finished"), str(folder / "stopped")])


def cells(rows, name):
    row = next(row for row in rows if row.name == name)
    return [cell.value or cell.note for cell in row.cells]


def test_the_results_stand_beside_one_another(results):
    finished, stopped = searches = compared(results)
    rows = result_rows(searches)
    assert cells(rows, "network") == [results[0].winner.candidate.spec.id, ""]
    assert cells(rows, "parameters") == [f"{results[0].winner.candidate.params:,}", ""]
    assert cells(rows, "trials") == ["", "6 of 12 short trainings"]
    assert cells(rows, "verdict") == [finished.verdict, stopped.verdict]
    assert (stopped.test, stopped.validation) == (None, None)
    assert finished.test.mean == results[0].test_accuracy
    assert not any(row.differs for row in rows)


def test_settings_that_differ_are_marked(results):
    searches = compared(results)
    words = setting_rows([search.settings for search in searches])
    differing = {row.name for row in words if row.differs}
    assert {"short trainings", "ended"} <= differing
    assert not {"data", "SHA-256 of the data", "caps", "full trainings"} & differing
    keys = setting_rows([search.keys for search in searches])
    assert cells(keys, "search.trials") == ["8", "12"]
    assert {row.name for row in keys if row.differs} >= {"search.trials", "evidence.controls"}
    assert not any(row.name.startswith(("output.", "description")) for row in keys)
    page = comparison_page(searches, warnings=["Mind this."], command="budgetnas report a b")
    assert page.count('<tr class="differs">') == len(differing) + sum(row.differs for row in keys)
    assert page.index("Mind this.") < page.index(searches[0].verdict)


def test_the_figure_has_a_winner_with_its_interval(results):
    searches = compared(results)
    test, validation = winners_figure(searches).data
    low, high = searches[0].test.interval
    assert list(test.x) == [round(100 * searches[0].test.mean, 2)]
    assert test.x[0] + test.error_x.array[0] == pytest.approx(100 * high, abs=0.02)
    assert test.x[0] - test.error_x.arrayminus[0] == pytest.approx(100 * low, abs=0.02)
    assert (test.name, validation.name) == ("test", "validation")
    untested = [replace(search, test=None, validation=None) for search in searches]
    assert "Plotly.newPlot" not in comparison_page(untested, warnings=[], command="")


def other_data(result, **changes):
    return replace(result, setup=replace(result.setup, data=replace(result.setup.data, **changes)))


def test_what_cannot_be_compared_is_said(results):
    notice = results[0].setup.data.notice
    assert warnings_of(results, []) == [notice], "once"
    others = [results[0], other_data(results[1], name="mine", fingerprint="0", notice="")]
    assert warnings_of(others, ["recipe.lr"]) == [
        notice,
        "The searches are on different data (digits, mine): their accuracies are not comparable.",
    ]
    subset = [results[0], other_data(results[1], fingerprint="0")]
    assert "different images of digits: their accuracies are not comparable" in warnings_of(subset, [])[1]
    assert "only the test accuracies" in warnings_of(results, ["data.validation"])[1]
    assert warnings_of(results, ["search.trials", "recipe.lr", "recipe.epochs"])[1].startswith(
        "The full trainings differ (recipe.lr, recipe.epochs): a difference in accuracy may come from them"
    )


def test_searches_of_one_name_go_by_their_folders(results):
    same = [replace(result, setup=replace(result.setup, name="s")) for result in results]
    assert [search.name for search in compared(same)] == [str(result.folder) for result in results]


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        (
            ["finished", "stopped", "finished/"],
            UsageError,
            "`RUN` names .*finished twice, but must name different runs",
        ),
        (["finished"], UsageError, "a comparison needs two or more"),
        (["finished", "nowhere"], StorageError, "nowhere/study.db` does not exist: give the folder of a run"),
        (["finished", "."], StorageError, "study.db` does not exist: give the folder of a run"),
        (["finished", "trained"], StorageError, "`trained` holds a training, not a search"),
    ],
)
def test_what_is_no_pair_of_searches_is_refused_and_nothing_written(folder, tmp_path, names, error, said):
    out = tmp_path / "comparison.html"
    with pytest.raises(error, match=said):
        write_comparison([f"{folder}/{name}" for name in names], out, command="")
    assert not out.exists()


def test_whatever_people_called_things_adds_no_element(results):
    def page(word):
        searches = [
            replace(
                search,
                name=word,
                verdict=word,
                command=word,
                result=[Tile(name=word, value=word, note=word)],
                settings={word: f"{word} {i}"},
                keys={word: f"{word} {i}", "same": word},
            )
            for i, search in enumerate(compared(results))
        ]
        return comparison_page(searches, warnings=[word], command=word)

    tame = tags(page("= word"))
    for word in SCRIPTS:
        assert tags(page(word)) == tame
