"""An article is found by its text, whatever the boxes around it are called."""

from __future__ import annotations

import pytest

from nlp.analysis import Rejection
from nlp.article import Article
from nlp.extraction.extract import extract
from tests.unit.nlp.samples import page, prose

PARAGRAPHS = [prose(number, 3) for number in range(8)]
BODY = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
MENU = "<header><nav><ul>" + '<li><a href="/x">News</a></li>' * 5 + "</ul></nav></header>"
FOOTER = "<footer><p>Copyright Northwire. All rights reserved. Contact us by mail.</p></footer>"
NOTICE = (
    '<div id="cookie-consent"><p>We and our partners store cookies on your device to measure how '
    "our pages are used and to show advertisements that may interest you more than others.</p>"
    "<p>You can accept all of them, choose some, or read more in our privacy policy.</p></div>"
)


def outcome_of(body: str, head: str = "", url: str = "") -> Article | Rejection:
    html = f"<html><head><title>A bridge is opened</title>{head}</head><body>{MENU}{body}{FOOTER}"
    read = page(f"{html}</body></html>")
    return extract(read if not url else type(read)(url=url, body=read.body), 50)


def text_of(body: str, head: str = "") -> str:
    outcome = outcome_of(body, head)
    assert isinstance(outcome, Article), outcome
    return outcome.text


def has_all(text: str) -> bool:
    return all(paragraph in text for paragraph in PARAGRAPHS)


@pytest.mark.parametrize(
    "box",
    [
        "<article>{}</article>",
        "<aside class='content-area'>{}</aside>",
        "<section class='comment-article'>{}</section>",
        "<div class='sidebar-content'>{}</div>",
        "<div id='footer-body'>{}</div>",
        "<div class='share-box'><div>{}</div></div>",
        "<article><story-body><template shadowrootmode='open'>{}</template></story-body></article>",
        "<table><tr><td>{}</td></tr></table>",
        "\n" * 350_000 + "<article>{}</article>",
    ],
)
def test_the_article_is_found_in_any_box(box: str) -> None:
    text = text_of(box.format(BODY))
    assert has_all(text)
    assert "All rights" not in text


def test_paragraphs_need_no_element_of_their_own() -> None:
    lines = "".join(f"<div class='absatz'>{paragraph}</div>" for paragraph in PARAGRAPHS)
    box = f"<div class='box'><p>{prose(20, 3)}</p><p>{prose(21, 3)}</p></div>"
    assert has_all(text_of(f"<div><div class='artikel'>{lines}</div></div>{box}"))


def test_an_article_may_stand_in_several_boxes() -> None:
    halves = [
        "".join(f"<p>{text}</p>" for text in half) for half in (PARAGRAPHS[:4], PARAGRAPHS[4:])
    ]
    banner = "<div class='ad'><a href='/shop'>Buy now</a></div>"
    text = text_of(f"<div class='c'>{halves[0]}</div>{banner}<div class='c'>{halves[1]}</div>")
    assert has_all(text)
    assert "Buy now" not in text


def test_the_text_of_a_picture_story_stands_in_its_captions() -> None:
    slides = "".join(
        f"<figure><img src='x.jpg'><figcaption><h2>Item</h2><p>{text}</p></figcaption></figure>"
        for text in PARAGRAPHS[1:]
    )
    assert has_all(text_of(f"<article><p>{PARAGRAPHS[0]}</p>{slides}</article>"))


def test_a_lead_in_the_header_of_the_article_is_part_of_it() -> None:
    header = f"<header><h1>A bridge is opened</h1><p>{PARAGRAPHS[0]}</p></header>"
    rest = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[1:])
    assert has_all(text_of(f"<article>{header}{rest}</article>"))


def test_a_list_in_a_cell_is_kept() -> None:
    table = "<table><tr><td>Monday</td><td><ul><li>Open until eight</li></ul></td></tr>"
    table += "<tr><td>Tuesday</td><td><ul><li>Closed for repairs</li></ul></td></tr></table>"
    halves = [
        "".join(f"<p>{text}</p>" for text in half) for half in (PARAGRAPHS[:4], PARAGRAPHS[4:])
    ]
    text = text_of(f"<article>{halves[0]}{table}{halves[1]}</article>")
    assert "Open until eight" in text
    assert "Closed for repairs" in text


def test_a_notice_and_a_teaser_are_left_out() -> None:
    teaser = (
        "<article class='related'><h2>Dog is rescued</h2><p>A dog was rescued by two.</p></article>"
    )
    text = text_of(f"{NOTICE}<article>{BODY}{teaser}</article>")
    assert has_all(text)
    assert "partners store" not in text
    assert "dog was rescued" not in text


def teasers(count: int) -> str:
    return "".join(
        f"<article class='card'><h2><a href='/n/{number}'>Headline {number} of the day</a></h2>"
        f"<p>{prose(number, 2)}</p></article>"
        for number in range(count)
    )


def test_a_list_of_teasers_is_no_article() -> None:
    outcome = outcome_of(f"<main><h1>Latest news</h1>{teasers(12)}</main>")
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "no_article"


def test_an_article_above_teasers_is_one() -> None:
    text = text_of(f"<article>{BODY}</article><section>{teasers(12)}</section>")
    assert has_all(text)


def test_a_consent_wall_is_no_article() -> None:
    wall = NOTICE.replace('id="cookie-consent"', 'class="page"') * 3
    outcome = outcome_of(f"<main>{wall}</main>")
    assert isinstance(outcome, Rejection)
    assert outcome.reason in ("no_article", "no_text")


def test_an_article_about_cookies_is_one() -> None:
    about = "<p>The court said on Monday that cookies need consent before a page stores them.</p>"
    assert has_all(text_of(f"<article>{about}{BODY}{about}</article>"))


def test_a_live_blog_has_the_text_of_its_entries() -> None:
    entries = ", ".join(
        f'{{"@type": "BlogPosting", "articleBody": "{text}"}}' for text in PARAGRAPHS
    )
    blog = f'{{"@type": "LiveBlogPosting", "headline": "Live", "liveBlogUpdate": [{entries}]}}'
    script = f'<script type="application/ld+json">\n//<![CDATA[\n{blog}\n//]]>\n</script>'
    assert has_all(text_of('<main><div id="live"></div></main>', script))


def test_soft_hyphens_are_no_part_of_the_text_and_accents_are_composed() -> None:
    text = text_of(f"<article><p>Die Bru\u0308cken\xadbauer. {PARAGRAPHS[0]}</p>{BODY}</article>")
    assert "Die Brückenbauer." in text
