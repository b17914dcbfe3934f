from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from budgetnas.reports.board import note
from budgetnas.text import Table, escaped

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def text_of(tokens):
    """Return the words that rendered Markdown shows, and the kinds of marks among them."""
    words, kinds = [], set()
    for token in tokens:
        for child in token.children or ():
            words.append(child.content if child.type == "text" else "")
            kinds.add(child.type)
    return "".join(words), kinds


@given(PRINTABLE)
@example("1. x")
@example("---")
@example("# x #")
@example("a | b \\| c")
@example("<script>&amp;</script>")
@example("![x](y) <http://a.b> `c` ~~d~~ [e]: f")
def test_a_word_is_shown_as_it_is_wherever_it_stands(text):
    shown = " ".join(text.split())
    words, kinds = text_of(MARKDOWN.parse(escaped(text)))
    assert words == shown
    assert kinds <= {"text", "text_special"}
    tokens = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {escaped(text)} | x |")
    assert [token.type for token in tokens].count("td_open") == 2
    assert text_of(tokens)[0] == f"ab{shown}x"


def test_no_address_becomes_a_link():
    assert escaped("www.a.org, http://b.org, x@c.org") == r"www\.a.org, http\://b.org, x\@c.org"


def test_the_note_says_headline_verdict_facts_and_tables(facts):
    html = MARKDOWN.render(note(facts))
    assert f"<h1>{facts.headline}</h1>" in html
    assert f"<p>{facts.verdict}</p>" in html
    assert all(f"<p>{remark}</p>" in html for remark in facts.remarks)
    assert "report.html compares them only among the networks that have the stage" in html
    assert html.count("<table>") == len(facts.tables) == 3
    assert "<td>the winner</td>" in html
    assert '<td style="text-align:right">0.40 [-0.20, 0.80]</td>' in html
    assert "<li>ended: all trials were done</li>" in html


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", "a|b\n\n# c", "[x](javascript:alert(1))", "</td><img src=x>"]
)
def test_nobody_can_put_markup_into_a_note(facts, bad):
    table = Table(title=bad, columns=(bad, bad), rows=[(bad, bad)], notes=(bad,))
    hostile = replace(
        facts, headline=bad, notice=bad, remarks=(bad,), verdict=bad, lines=[(bad, bad)], tables={"costs": table}
    )
    tame = replace(hostile, headline="x", notice="x", remarks=("x",), verdict="x", lines=[("x", "x")])
    tame = replace(tame, tables={"costs": Table(title="x", columns=("x", "x"), rows=[("x", "x")], notes=("x",))})
    kinds = [[token.type for token in MARKDOWN.parse(note(one))] for one in (hostile, tame)]
    assert kinds[0] == kinds[1]
    assert "<script" not in note(hostile)
    assert "<img" not in note(hostile)
