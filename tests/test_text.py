from __future__ import annotations

import pytest

from budgetnas.text import (
    Display,
    Table,
    aligned,
    one_line,
    terminal_width,
    trimmed,
    write_csv,
    write_percent,
    write_shape,
)


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


def test_words_are_set_to_the_left_and_numbers_to_the_right_by_the_width_that_a_terminal_gives_them():
    names = ("network", "kind", "empty", "params")
    rows = [("8x8", "conv", "", "1,362"), ("\u65e5\u672ce\u0301", "", "-", "3"), ("1x1", "a", "-", "")]
    assert aligned(Table(title="t", columns=names, rows=rows)) == [
        "network  kind  params",
        "8x8      conv   1,362",
        "\u65e5\u672ce\u0301               3",
        "1x1      a",
    ]
    assert aligned(Table(title="t", columns=("a", "b"), rows=[])) == ["a  b"]
    assert [terminal_width(word) for word in ("", "abc", "\u65e5\u672c", "e\u0301")] == [0, 3, 4, 1]


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ((0.95432,), "95.43"),
        ((0.95432, 0.00123), "95.43 +- 0.12"),
        ((0.95432, None, (0.9487, 0.9591)), "95.43 [94.9, 95.9]"),
        ((0.95432, 0.00123, [0.9487, 0.9591]), "95.43 +- 0.12 [94.9, 95.9]"),
    ],
)
def test_an_accuracy_is_written_as_far_as_it_is_known(known, written):
    assert write_percent(*known) == written
    number, bracket, ends = written.partition(" [")
    assert write_percent(*known, unit=" %") == f"{number} %{bracket}{ends}"
    share, spread, interval = (*known, None, None)[:3]
    in_percent = (100 * share, spread and 100 * spread, interval and [100 * end for end in interval])
    assert write_percent(*in_percent, scale=1) == written


def test_what_another_program_says_is_one_line_of_200_letters_and_silence_is_the_name_of_its_error():
    assert one_line(ValueError("a\n b\t c")) == "a b c"
    assert one_line("x " * 300) == ("x " * 300)[:200]
    assert len(one_line("x" * 300, most=None)) == 300
    assert one_line(KeyError()) == "KeyError"
    assert one_line("") == ""


def test_a_csv_has_a_head_line_feeds_quotes_where_they_are_needed_and_nothing_for_nothing():
    assert write_csv(("a", "b"), iter([(1, 'x, "y"'), (None, 0.5)])) == 'a,b\n1,"x, ""y"""\n,0.5\n'
    assert write_csv(("a",), []) == "a\n"


def test_a_shape_is_its_sides():
    assert (write_shape((64, 32, 32)), write_shape([10])) == ("64x32x32", "10")


def test_a_result_shows_itself_in_a_line_and_escaped_in_a_notebook():
    class Result(Display):
        def brief(self):
            return {"network": "1x8", "folder": "<b>"}

    assert repr(Result()) == "<Result: network 1x8, folder <b>>"
    row = "<tr><td>folder</td><td>&lt;b&gt;</td></tr>"
    html = f"<table><caption>Result</caption><tr><td>network</td><td>1x8</td></tr>{row}</table>"
    assert Result()._repr_html_() == html
