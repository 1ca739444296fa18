"""The date that a page declares, by the precedence of its sources."""

from __future__ import annotations

import datetime as dt

import pytest

from nlp.extraction.linked_data import linked_article
from nlp.extraction.markup import bounded, parse
from nlp.extraction.metadata import meta_contents, publish_date

META = '<meta property="article:published_time" content="{}">'
JSON_LD = '<script type="application/ld+json">{{"@type": %s, "datePublished": "{}"}}</script>'
LINKED, BROKEN = JSON_LD % '"NewsArticle"', JSON_LD % "oops"
SCRIPT = '<script>{{"datePublished": "{}"}}</script>'
IN_ADDRESS = "https://a.example/2025/06/03/bridge"


def published(head: str, url: str = "https://a.example/bridge") -> dt.datetime | None:
    html = f"<html><head>{head}</head><body><p>Text</p></body></html>"
    tree = parse(html)
    assert tree is not None
    linked = linked_article(tree)
    tree = bounded(tree, len(html))
    return publish_date(tree, meta_contents(tree), linked, html, url)


@pytest.mark.parametrize(
    ("head", "url", "expected"),
    [
        (META.format("2025-06-01T10:00:00Z"), "", "2025-06-01T10:00+00:00"),
        (META.format("2025-06-01T10:00:00+0200"), "", "2025-06-01T08:00+00:00"),
        (META.format("2025-06-01"), "", "2025-06-01T00:00+00:00"),
        (META.format("2099-01-01T00:00:00Z"), "", "2099-01-01T00:00+00:00"),
        (META.format("0000-00-00T00:00:00Z"), "", None),
        (META.format("0001-01-01T00:00:00+14:00"), "", None),
        (META.format("9999-12-31T23:59:59-12:00"), "", None),
        (LINKED.format("0001-01-01T00:00:00+14:00"), "", None),
        (META.format("yesterday"), IN_ADDRESS, "2025-06-03T00:00+00:00"),
        (LINKED.format("2025-06-03T09:00:00Z"), IN_ADDRESS, "2025-06-03T09:00+00:00"),
        (BROKEN.format("2025-06-03T09:00:00Z"), "", "2025-06-03T09:00+00:00"),
        (SCRIPT.format("2025-06-03T09:00:00Z"), IN_ADDRESS, "2025-06-03T09:00+00:00"),
        (SCRIPT.format("2024-01-01T09:00:00Z"), IN_ADDRESS, "2025-06-03T00:00+00:00"),
        (SCRIPT.format("2024-01-01T09:00:00Z"), "", "2024-01-01T09:00+00:00"),
        ("", "", None),
    ],
)
def test_the_publication_date(head: str, url: str, expected: str | None) -> None:
    date = published(head, url or "https://a.example/bridge")
    assert date == (dt.datetime.fromisoformat(expected) if expected else None)
    assert date is None or date.utcoffset() == dt.timedelta(0)
