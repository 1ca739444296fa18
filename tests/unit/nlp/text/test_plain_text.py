"""Titles keep their words, also those that look like tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.text.plain_text import plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Plain", "Plain"),
        ("<b>Rain</b> &amp; wind", "Rain & wind"),
        ("<p>a<br/>b</p>\n c", "a b c"),
        ("<p>Not ended", "Not ended"),
        ("Not begun</p>", "Not begun"),
        ("<a> and <b> compared", "<a> and <b> compared"),
        ("What </div> does", "What </div> does"),
        ("I <3 Python", "I <3 Python"),
        ("Wor<i>d</i>s", "Words"),
        ("How the <main> element helps", "How the <main> element helps"),
        ("<harbourlog>", "<harbourlog>"),
        ("What vector<int> and List<String> share", "What vector<int> and List<String> share"),
        ("Use <b> for bold", "Use <b> for bold"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("a <- b", "a <- b"),
        ("x<!-- hidden -->y<!-- not ended", "x y"),
        ('<a title="a > b" href=x>Link</a>', "Link"),
        ('<img src="x.png" alt="">After', "After"),
        ("<o:p></o:p>Word", "Word"),
        ("&lt;main&gt;", "<main>"),
        ("AT&amp;amp;T", "AT&amp;T"),
        ('<a href="https://a.example/' + "y" * 1_000 + '">Far behind</a>', "Far behind"),
        (None, ""),
        (7, ""),
    ],
)
def test_the_text_of_markup(markup: object, text: str) -> None:
    assert plain_text(markup, 300) == text


@pytest.mark.parametrize("piece", ["<", "<a ", '<a "', "<!--", "</a", "&", "<b>", "<p/"])
def test_what_is_made_to_take_long_is_cut(piece: str) -> None:
    assert len(plain_text(piece * 1_000_000, 300)) <= 300


@given(st.text(alphabet="<>/!-ab \"'=&;", max_size=60))
def test_any_text_gives_a_text(markup: str) -> None:
    assert len(plain_text(markup, 50)) <= 50
