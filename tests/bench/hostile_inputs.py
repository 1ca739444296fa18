"""What strangers send beside pages, made such that a step whose cost grows with the square shows.

Each is a function that reads a body, and a body of about LONGEST bytes of one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nlp.article import Page
from nlp.dates import parse_date
from nlp.extraction.charset import decode
from nlp.feeds.feed import FeedRequest
from nlp.feeds.reader import read_feed
from nlp.urls import canonical_url
from tasks.fetch.cache_headers import parse_cache_control
from tasks.fetch.cache_headers import parse_date as parse_http_date
from tasks.fetch.content import MAX_ROBOTS_BYTES
from tasks.fetch.failures import parse_retry_after
from tasks.fetch.heads import mended_head
from tasks.fetch.redirects import meta_refresh, refresh_target
from tasks.fetch.robots_rules import parse_rules
from tests.bench.mutations import LONGEST

Read = Callable[[bytes], str]
"""Returns a word for the outcome."""

FEED_THINGS = (
    "<a>", "<a/>", "<a:b/>", "&", "&nbsp;", "&#1;", "<", "<!--", "<![CDATA[", "]]>", "<?x ?>",
    "<!DOCTYPE ", "<!DOCTYPE x [ ]", "<title>", '<a b="', '<item a="', "<item><item>", "word ",
    "<item><title>a</title><link>https://a.example/1</link></item>", "<item/>",
    '<link href="https://a.example/"/>', '<a xml:base="https://a.example/b/">', "\ufffe", "é日",
    "<item><link>/1</link><pubDate>" + "1:" * 60 + "</pubDate></item>",
    "<item><link>/1</link><title>" + "<b " * 300 + "</title></item>",
    "<item " + " ".join(f'a{n}=""' for n in range(100)) + "/>",
    '<outline xmlUrl="https://a.example/feed"/>',
)  # fmt: skip

JSON_THINGS = ("[", '{"a":', "1,", '"a",', "{},", '{"url":"https://a.example/1","title":"<b "},')

DATE_THINGS = (
    "1", "1:", "1 ", "1.", "- ", "jan ", "a/", "+00", "年", "é", "10:00 ", "pm", "Az/Bz ", "mar. ",
)  # fmt: skip

CHARSETS = ("utf-8", "gbk", "euc-jp", "shift_jis", "big5", "euc-kr", "windows-1251", "iso-2022-jp")
BYTE_THINGS = (b"\xff", b"\xad\xea", b"a\xff\xa4\xa4\xa4\xa4", b"\x1b$B", b"<", b"<meta ")

HEADER_THINGS = ("a", "a=", "a,", '"', "\\", "0", "1 ", "max-age=", ";", "0;url=")

REFRESH_THINGS = ("<meta ", "<!--", "<noscript>", "<script>", "<meta http-equiv=refresh content=")

ROBOTS_THINGS = (
    b"User-agent: c*o*n*t*e*n*t\nDisallow: /\n", b"Disallow: /a*b*c*$\n", b"User-agent: *\n",
    b"Disallow: /" + b"*a" * 4_000 + b"\n", b"Allow: /%41\n", b":", b"\r", b"a b c\n",
)  # fmt: skip


def hostile_inputs() -> Iterator[tuple[Read, bytes]]:
    for thing in FEED_THINGS:
        yield _feed, _of("<rss><channel>", thing)
        yield _feed, _of("<opml><body>", thing)
    for thing in JSON_THINGS:
        yield _feed, _of('{"items":[', thing)
    for thing in DATE_THINGS:
        yield _dates, _of("", thing)
    for charset in CHARSETS:
        for piece in BYTE_THINGS:
            yield _with_charset(charset), piece * (LONGEST // len(piece))
    for thing in HEADER_THINGS:
        yield _headers, _of("", thing)
    for thing in REFRESH_THINGS:
        yield _refresh, _of("<html>", thing)
    for line in ROBOTS_THINGS:
        yield _robots, b"User-agent: *\n" + line * (MAX_ROBOTS_BYTES // len(line))


def _of(head: str, thing: str) -> bytes:
    return (head + thing * (LONGEST // len(thing.encode()))).encode()


def _feed(body: bytes) -> str:
    page = Page(url="https://a.example/feed", body=body)
    report = read_feed(FeedRequest(page=page, topic="solar power"))
    return "no feed" if report.problem else "feed"


def _dates(body: bytes) -> str:
    """A long one, and as many as the feeds of one topic may hold."""
    text = body.decode()
    for start in range(10_000):
        parse_date(text[start : start + 200])
    return "date" if parse_date(text) else "no date"


def _with_charset(charset: str) -> Read:
    def read(body: bytes) -> str:
        return "text" if decode(body, f"text/html; charset={charset}") else "no text"

    return read


def _headers(body: bytes) -> str:
    """All headers that are read, each as long as a head may be."""
    value = body[:100_000].decode()
    parse_cache_control(value)
    parse_http_date(value)
    parse_retry_after(value, 0.0)
    refresh_target(value, "https://a.example/")
    mended_head(b"HTTP/1.1 200 OK\r\n" + body[:100_000])
    try:
        canonical_url(f"https://a.example/?{value}")
        canonical_url(f"https://{value}/")
    except ValueError:
        return "no address"
    return "headers"


def _refresh(body: bytes) -> str:
    page = Page(url="https://a.example/", body=body)
    return "sent on" if meta_refresh(page) else "not sent on"


def _robots(body: bytes) -> str:
    rules = parse_rules(body, "content-curator")
    return "allowed" if rules.allows("/" + "ab" * 3_000) else "refused"
