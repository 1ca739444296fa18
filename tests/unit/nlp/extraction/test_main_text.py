"""What belongs to the text of an article, and what is only beside it."""

from __future__ import annotations

import json

import msgspec
import pytest

from nlp.analysis import Rejection
from nlp.article import Article
from nlp.extraction.extract import extract
from tests.unit.nlp.samples import html, page, prose

TWEET = (
    '<div class="social-media-embed"><blockquote class="twitter-tweet"><p>We will rebuild the old '
    "harbour wall by hand.</p>- The mayor</blockquote><script>x()</script></div>"
)
CARD = '<a href="/news/other"><h3>The railway is closed for a year</h3></a>'
POPUP = (
    'Mayor <span><a href="/p/ann">Ann</a><span><a href="/p/ann">Ann Lee</a><a href="/n/1">Budget '
    'is late again</a> <a href="/n/2">Museum opens doors</a></span></span> spoke to the council.'
)
TEASERS = [
    '<a href="/news/other">The railway is closed for a year</a>',
    'Related: <a href="/news/other">The railway is closed for a year</a>',
    '[READ MORE: <a href="https://northwire.example/o">The railway is closed for a year</a>]',
    '<a href="/news/other">The railway is closed for a year</a> [VIDEO]',
    'Mixed<br><a href="/news/other">The railway is closed for a year</a>',
]
PARTS_OF_THE_TEXT = [
    'The mayor said: <a href="/news/other">the railway is closed for a year</a>, and left.',
    '<a href="https://else.example/shop/1">The railway is closed for a year</a>',
    'Buy now: <a href="/shop/1">the railway</a>',
    '<a href="/">Back to our page for the railway</a>',
]


def text_of(*paragraphs: str, head: str = "", title: str = "A bridge is opened") -> str:
    outcome = extract(page(html(title=title, paragraphs=paragraphs, head=head)), 1)
    assert isinstance(outcome, Article), outcome
    return outcome.text


def with_prose(part: str) -> str:
    return text_of(prose(1, 12), part, prose(2, 12))


def test_a_quoted_post_is_kept() -> None:
    assert "rebuild the old harbour wall" in with_prose(TWEET)


def test_a_card_is_dropped() -> None:
    assert "railway is closed" not in text_of(prose(1, 12), prose(2, 12) + CARD)


def test_a_popup_is_dropped_and_its_sentence_kept() -> None:
    text = with_prose(POPUP)
    assert "Mayor Ann spoke to the council." in " ".join(text.split())
    assert "Budget" not in text


@pytest.mark.parametrize("part", TEASERS)
def test_the_headline_of_another_article_is_dropped(part: str) -> None:
    assert "railway is closed" not in with_prose(part)


@pytest.mark.parametrize("part", PARTS_OF_THE_TEXT)
def test_a_link_in_the_text_is_kept(part: str) -> None:
    assert "the railway" in with_prose(part).lower()


def test_a_label_is_dropped_with_the_headlines_below_it() -> None:
    assert "DON'T MISS" not in text_of(prose(1, 12), "<b>DON'T MISS</b>", TEASERS[3], prose(2, 12))


def test_a_page_that_is_a_list_of_links_is_left_as_it_is() -> None:
    headlines = [TEASERS[0].replace("year", f"year, part {number}") for number in range(40)]
    outcome = extract(page(html(paragraphs=headlines)), 1)
    assert isinstance(outcome, Rejection) or "part 39" in outcome.text


@pytest.mark.parametrize("shown", ["A bridge is opened", "A BRIDGE, IS OPENED!"])
def test_the_title_is_not_repeated_in_the_text(shown: str) -> None:
    head = '<meta property="og:title" content="A bridge is opened | Northwire">'
    head += '<meta property="og:site_name" content="Northwire">'
    outcome = extract(page(html(paragraphs=[shown, prose(1)], head=head)), 1)
    assert isinstance(outcome, Article)
    assert outcome.title == "A bridge is opened"
    assert outcome.text.startswith("The ")


def linked(body: str) -> str:
    data = json.dumps({"@type": "NewsArticle", "articleBody": body})
    return f'<script type="application/ld+json">{data}</script>'


def test_the_text_of_a_page_that_shows_a_part_is_taken_from_linked_data() -> None:
    whole = [prose(seed, 10) for seed in range(4)]
    teaser = html(paragraphs=[whole[0]], head=linked("\n".join(whole)))
    outcome = extract(page(teaser), 1)
    assert isinstance(outcome, Article)
    assert outcome.text == "\n".join(whole)


def test_markup_in_linked_data_is_removed() -> None:
    body = f"<p>{prose(1, 10)}</p><p>R&amp;D <b>now</b></p>"
    assert text_of(head=linked(body)).endswith("\nR&D now")


def test_an_article_with_half_a_surrogate_pair_in_linked_data_can_be_encoded() -> None:
    whole = [prose(seed, 10) for seed in range(4)]
    outcome = extract(page(html(paragraphs=[whole[0]], head=linked("\ud800 ".join(whole)))), 1)
    assert isinstance(outcome, Article)
    assert len(outcome.text) > len(whole[0]) * 2
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(outcome), type=Article) == outcome


def test_shorter_linked_data_is_not_used() -> None:
    assert text_of(prose(1), head=linked(prose(2, 5))).startswith(prose(1)[:50])


def test_where_the_first_extraction_is_short_a_second_finds_the_text() -> None:
    menu = "<article><ul>" + "<li><a href='/x'>Menu</a></li>" * 9 + "</ul><p>Sign in.</p></article>"
    body = "".join(f"<div class='c{n}'><div>{prose(n, 10)}</div></div>" for n in range(4))
    outcome = extract(
        page(f"<html><head><title>T</title></head><body>{menu}{body}</body></html>"), 1
    )
    assert isinstance(outcome, Article)
    assert prose(3, 10)[-60:] in outcome.text
