"""The authors of a page are those whom it names, as it writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nlp.extraction.authors import author_of
from nlp.extraction.linked_data import linked_article
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents


def author(head: str = "", body: str = "") -> str | None:
    html = f"<html><head>{head}</head><body><h1>Bridge</h1>{body}<p>Text</p></body></html>"
    tree = parse(html)
    assert tree is not None
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    return author_of(tree, meta_contents(tree), linked)


def meta(name: str) -> str:
    return f'<meta name="author" content="{name}">'


def linked(value: Any, key: str = "author") -> str:
    data = json.dumps({"@type": "NewsArticle", key: value})
    return f'<script type="application/ld+json">{data}</script>'


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (meta("Ann Lee"), "Ann Lee"),
        (meta("By Ann Lee"), "Ann Lee"),
        (meta("Ann Lee and Bo Ek"), "Ann Lee; Bo Ek"),
        (meta("Ann Lee, Bo Ek"), "Ann Lee; Bo Ek"),
        (meta("Ann Lee, Staff Writer"), "Ann Lee"),
        (meta("Ann B. Lee, Jr."), "Ann B. Lee Jr"),
        (meta("Ann Lee") + meta("ANN LEE"), "Ann Lee"),
        (meta("山田太郎"), "山田太郎"),
        (meta("김철수"), "김철수"),
        (meta("https://a.example/ann"), None),
        (meta("admin"), None),
        (meta("jlee7"), None),
        (meta("Reuters"), "Reuters"),
        (linked({"@type": "Person", "name": "Ann Lee"}), "Ann Lee"),
        (linked({"@type": "Person", "givenName": "Ann", "familyName": "Lee"}), "Ann Lee"),
        (linked([{"@type": "Person", "name": "Ann Lee"}, {"@type": "Person", "name": "Bo Ek"}]),
         "Ann Lee; Bo Ek"),
        (linked(["Ann Lee"], key="creator"), "Ann Lee"),
        (linked({"@type": "Person", "name": "admin"}) + meta("Ann Lee"), "Ann Lee"),
        (linked({"@type": "Organization", "name": "Town Library"}), "Town Library"),
        (linked({"@type": "Organization", "name": "Town Library"}) + meta("Ann Lee"), "Ann Lee"),
        (linked(7), None),
    ],
)  # fmt: skip
def test_a_declared_author(head: str, expected: str | None) -> None:
    assert author(head) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<p class="byline">By Ann Lee</p>', "Ann Lee"),
        ('<p class="byline">By Ann B. Lee, staff writer, May 3, 2025</p>', "Ann B. Lee"),
        ('<p class="byline">Ann Lee May 3, 2025</p>', "Ann Lee"),
        ('<p class="byline">Von Ann Lee und Bo Ek</p>', "Ann Lee; Bo Ek"),
        ('<p class="post-author">作者：王小明</p>', "王小明"),
        ('<a rel="author" href="/ann">Ann Lee</a>', "Ann Lee"),
        ('<span itemprop="author">Ann Lee</span>', "Ann Lee"),
        ('<div class="comment"><span class="author">Bo Ek</span></div>', None),
        ('<div class="x"><span class="author username">Username</span></div>', None),
        ('<aside><p class="author">Bo Ek</p></aside><p class="author">Ann Lee</p>', "Ann Lee"),
        ('<p class="author">last updated on Monday</p>', None),
    ],
)
def test_a_shown_author(body: str, expected: str | None) -> None:
    assert author(body=body) == expected


def test_a_shown_name_is_believed_before_a_login() -> None:
    assert author(meta("alee"), '<p class="byline">Ann Lee</p>') == "Ann Lee"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ['<div class="author">', '<p class="byline">By</p>', '<b rel="author">Ann Lee ', "<time>"],
)
def test_a_page_of_bylines_is_read_in_time(piece: str) -> None:
    author(body=piece * 20_000)
