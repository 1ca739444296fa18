"""Lists of feeds, and what must not be done with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sources.feeds import InvalidOpml, builtin_feeds, is_opml, opml_feeds
from tests.unit.sources.web import opml, rss

URL = "https://lists.example/a/list.opml"


def test_feeds_at_any_depth_in_order_each_once() -> None:
    body = b"""<?xml version="1.0"?><opml version="1.0"><head><title>t</title></head><body>
      <outline text="group"><outline text="group">
        <outline xmlUrl="https://a.example/feed"/><OUTLINE XMLURL="https://b.example/feed"/>
      </outline></outline>
      <outline text="page" htmlUrl="https://c.example/"/>
      <outline xmlUrl="https://a.example/feed"/><outline xmlUrl="../d.xml"/><outline xmlUrl=" "/>
    </body></opml>"""
    assert opml_feeds(body, URL) == [
        "https://a.example/feed",
        "https://b.example/feed",
        "https://lists.example/d.xml",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_list_that_declares_a_document_type_is_refused(encoding: str) -> None:
    text = (
        '<!DOCTYPE opml [<!ENTITY a "aaaa">]><opml><outline xmlUrl="http://a.example/&a;"/></opml>'
    )
    with pytest.raises(InvalidOpml, match="document type"):
        opml_feeds(text.encode(encoding), URL)


def test_great_depth_does_no_harm() -> None:
    deep = b"<opml>" + b"<outline>" * 50_000 + b"</outline>" * 50_000 + b"</opml>"
    assert opml_feeds(deep, URL) == []


@pytest.mark.parametrize(
    "body", [b"", b"<opml>", b"<opml><outline xmlUrl='http://[x'/></opml>", b"\xff\xfe\x00"]
)
def test_broken_lists(body: bytes) -> None:
    with pytest.raises(InvalidOpml):
        opml_feeds(body, URL)


@given(st.binary(max_size=100), st.integers(0, 100))
def test_a_damaged_list_gives_feeds_or_the_expected_error(noise: bytes, at: int) -> None:
    body = opml("https://a.example/feed")
    try:
        found = opml_feeds(body[:at] + noise + body[at:], URL)
    except InvalidOpml:
        return
    assert all(isinstance(url, str) for url in found)


def test_lists_are_distinguished_from_feeds() -> None:
    assert is_opml(opml())
    assert is_opml(b"<?xml version='1.0'?>\n<!-- by hand -->\n<OPML version='2.0'>")
    assert not is_opml(rss())


def test_the_builtin_list_is_read() -> None:
    feeds = builtin_feeds()
    assert len(feeds) >= 20
    assert all(url.startswith("https://") for url in feeds)
