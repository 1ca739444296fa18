"""Lists of feeds, and what must not be done with them."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.article import Page
from nlp.feeds.feed import FeedReport, FeedRequest
from nlp.feeds.opml import MAX_LISTED_FEEDS
from nlp.feeds.reader import read_feed
from tests.unit.sources.web import opml, rss

URL = "https://lists.example/a/list.opml"


def read(body: bytes) -> FeedReport:
    return read_feed(FeedRequest(page=Page(url=URL, body=body)))


def test_feeds_at_any_depth_in_order_each_once() -> None:
    body = b"""<?xml version="1.0"?><opml version="1.0"><head><title>t</title></head><body>
      <outline text="group"><outline text="group">
        <outline xmlUrl="https://a.example/feed"/><OUTLINE XMLURL="https://b.example/feed"/>
      </outline></outline>
      <outline text="page" htmlUrl="https://c.example/"/>
      <outline xmlUrl="https://a.example/feed"/><outline xmlUrl="../d.xml"/><outline xmlUrl=" "/>
    </body></opml>"""
    assert list(read(body).feed_urls) == [
        "https://a.example/feed",
        "https://b.example/feed",
        "https://lists.example/d.xml",
    ]


DECLARED = '<?xml version="1.0" encoding="{}"?><opml version="2.0"><body>{}</body></opml>'


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "gbk", "big5", "shift_jis", "windows-1251", "iso-8859-1"]
)
def test_a_list_may_be_in_any_encoding(encoding: str) -> None:
    title = {"windows-1251": "Новости", "iso-8859-1": "Café"}.get(encoding, "日本")
    outline = f'<outline text="{title}" xmlUrl="https://a.example/f?x=1&amp;y=2"/>'
    body = DECLARED.format(encoding, outline).encode(encoding)
    assert read(body).feed_urls == ("https://a.example/f?x=1&y=2",)
    assert read(body.replace(b'text="', b'text="\xff')).feed_urls == (
        "https://a.example/f?x=1&y=2",
    )


@pytest.mark.parametrize(
    "body",
    [
        b'\n\n <?xml version="1.0"?><opml><body>%s</body></opml>',
        b"\xef\xbb\xbf\n<opml><body>%s</body></opml>",
        b"junk before<opml><body>%s</body></opml>",
        b'<opml><body><outline text="A & B < C" xmlUrl="http://[bad"/>%s',
        b"<opml><head><title>&nbsp;&copy; mine</head><body>\x00\x0b%s</body></opml>",
        b'<opml><body><outline text="a" text="b">%s</body></opml>',
        b"<!DOCTYPE opml SYSTEM 'opml.dtd'><opml><body>%s</body></opml>",
        b"<?xml version='1.0' encoding='no-such'?><opml><body>%s</body></opml>",
        b"<opml><body><![CDATA[ x ]]><!-- -- -->%s</body></opml> and behind",
    ],
)
def test_a_list_that_is_not_well_formed_still_names_its_feeds(body: bytes) -> None:
    outline = b'<outline title="x" xmlUrl="https://a.example/f?x=1&y=2"/>'
    assert read(body.replace(b"%s", outline)).feed_urls == ("https://a.example/f?x=1&y=2",)


def test_a_value_with_an_angle_bracket_costs_no_feed() -> None:
    outlines = (
        '<outline text="a < b" xmlUrl="https://a.example/1"/>'
        '<outline text="c" xmlUrl="https://a.example/2"/>'
    )
    body = f"<opml><body>{outlines}</body></opml>".encode()
    assert read(body).feed_urls == ("https://a.example/1", "https://a.example/2")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("feed://a.example/1", "http://a.example/1"),
        ("feed:https://a.example/1", "https://a.example/1"),
        ("https://a.example/feed://1", "https://a.example/feed://1"),
    ],
)
def test_the_scheme_of_feed_readers_is_understood(written: str, url: str) -> None:
    assert read(opml(written)).feed_urls == (url,)


def test_an_entity_bomb_does_not_go_off() -> None:
    levels = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
    body = (
        f'<!DOCTYPE opml [<!ENTITY l0 "lol">{levels}]><opml><body>'
        '<outline xmlUrl="http://a.example/&l9;"/></body></opml>'
    )
    (url,) = read(body.encode()).feed_urls
    assert len(url) < 100


def test_great_depth_does_no_harm() -> None:
    deep = b"<opml>" + b"<outline>" * 50_000 + b"</outline>" * 50_000 + b"</opml>"
    assert read(deep) == FeedReport()


def test_a_list_without_end_is_cut() -> None:
    outlines = (f'<outline xmlUrl="https://a.example/{n}"/>' for n in range(2 * MAX_LISTED_FEEDS))
    body = f"<opml><body>{''.join(outlines)}</body></opml>"
    assert len(read(body.encode()).feed_urls) == MAX_LISTED_FEEDS


@pytest.mark.parametrize("body", [b"", b"<opml>", b"\xff\xfe\x00"])
def test_broken_lists(body: bytes) -> None:
    report = read(body)
    assert report.problem
    assert not report.feed_urls


@given(st.binary(max_size=100), st.integers(0, 100))
def test_a_damaged_list_gives_feeds_or_a_problem(noise: bytes, at: int) -> None:
    body = opml("https://a.example/feed")
    report = read(body[:at] + noise + body[at:])
    assert all(url.startswith("http") for url in report.feed_urls)


def test_lists_are_distinguished_from_feeds() -> None:
    assert read(opml()).problem is None
    assert read(b"<?xml version='1.0'?>\n<!-- by hand -->\n<OPML><body/></OPML>").problem is None
    assert read(rss()) == FeedReport()


def test_the_builtin_list_is_read() -> None:
    feeds = read(files("tasks.sources").joinpath("feeds.opml").read_bytes()).feed_urls
    assert len(feeds) >= 20
    assert all(url.startswith("https://") for url in feeds)
