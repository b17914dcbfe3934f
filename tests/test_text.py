from __future__ import annotations

from budgetnas.text import Shown, Table, trimmed


def table(*rows):
    return Table(title="t", columns=("name", "a", "b"), rows=rows, notes=["n"])


def test_columns_that_say_nothing_are_left_out():
    found = trimmed(table(("x", "", "1"), ("y", "-", "")))
    assert (found.columns, found.rows, found.notes) == (["name", "b"], [["x", "1"], ["y", ""]], ["n"])
    whole = trimmed(table(("", "0", "1")))
    assert whole.columns == ["name", "a", "b"]


def test_a_table_of_names_alone_has_no_rows_but_its_notes():
    for nothing in (table(("x", "", "-")), table()):
        assert (trimmed(nothing).rows, trimmed(nothing).notes) == ((), ["n"])
    assert trimmed(Table(title="t", columns=("name",), rows=[("x",)])).rows == [["x"]]


def test_a_result_shows_itself_in_a_line_and_escaped_in_a_notebook():
    class Result(Shown):
        def brief(self):
            return {"network": "1x8", "folder": "<b>"}

    assert repr(Result()) == "<Result: network 1x8, folder <b>>"
    row = "<tr><td>folder</td><td>&lt;b&gt;</td></tr>"
    html = f"<table><caption>Result</caption><tr><td>network</td><td>1x8</td></tr>{row}</table>"
    assert Result()._repr_html_() == html
