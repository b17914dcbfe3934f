from __future__ import annotations

from budgetnas.text import Table, trimmed


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
