"""Feeds of all kinds, the broken ones included, give entries or one clear error."""

from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.sources.base import MAX_TITLE_CHARS, plain_text
from tasks.sources.feeds import MAX_ENTRIES, InvalidFeed, parse_feed
from tests.unit.sources.web import rss

URL = "https://news.example/feeds/main.xml"

ATOM = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://atom.example/base/">
  <title>t</title>
  <entry>
    <title type="html">Rain &amp;amp; &lt;b&gt;wind&lt;/b&gt;</title>
    <link rel="alternate" href="story/1"/>
    <summary>A storm.</summary>
    <updated>2026-09-25T12:00:00Z</updated>
  </entry>
</feed>"""


def bomb() -> bytes:
    levels = b"".join(
        b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 10)
    )
    declared = b'<!DOCTYPE rss [<!ENTITY l0 "lol">' + levels + b"]>"
    return declared + rss(("https://news.example/a", "&l9;"))


def test_rss_with_its_dates_and_texts() -> None:
    body = rss(("https://news.example/a", "One &amp; two", "Fri, 25 Sep 2026 12:00:00 GMT"))
    (entry,) = parse_feed(body, URL)
    assert entry.url == "https://news.example/a"
    assert entry.title == "One & two"
    assert entry.published == 1_790_337_600.0


@pytest.mark.parametrize("date", ["yesterday", "", "Fri, 99 Sep 2026 99:00:00 GMT"])
def test_a_date_that_makes_no_sense_is_none(date: str) -> None:
    (entry,) = parse_feed(rss(("https://news.example/a", "One", date)), URL)
    assert entry.published is None


def test_atom_with_its_own_base() -> None:
    (entry,) = parse_feed(ATOM, URL)
    assert entry.url == "https://atom.example/base/story/1"
    assert entry.title == "Rain & wind"
    assert entry.summary == "A storm."
    assert entry.published == 1_790_337_600.0


def test_links_are_joined_and_those_that_lead_nowhere_dropped() -> None:
    body = rss(
        ("/a", "relative"),
        ("//other.example/b", "without scheme"),
        ("javascript:alert(1)", "script"),
        ("ftp://news.example/c", "ftp"),
        ("mailto:a@news.example", "mail"),
        ("http://[broken", "broken"),
        ("", "none"),
    )
    urls = [entry.url for entry in parse_feed(body, URL)]
    assert urls == ["https://news.example/a", "https://other.example/b"]


def test_a_feed_that_is_not_well_formed_still_gives_its_entries() -> None:
    body = rss(("https://news.example/a", "One"), ("https://news.example/b", "Two"))
    broken = body.replace(b"</channel></rss>", b"<oops></channel>").replace(b"One", b"One & only")
    assert [entry.url[-1] for entry in parse_feed(broken, URL)] == ["a", "b"]


def test_a_wrong_charset_costs_letters_and_no_entries() -> None:
    latin = b'<?xml version="1.0" encoding="utf-8"?>' + rss(
        ("https://news.example/a", "Caf\xe9 in Z\xfcrich")
    ).decode().encode("latin-1")
    (entry,) = parse_feed(latin, URL, "application/rss+xml; charset=utf-8")
    assert entry.url == "https://news.example/a"
    (entry,) = parse_feed(latin, URL, "text/xml; charset=no-such-charset")
    assert entry.url == "https://news.example/a"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_a_declared_charset_is_honoured(encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        + rss(("https://news.example/a", "Café")).decode()
    )
    (entry,) = parse_feed(text.encode(encoding), URL)
    assert entry.title == "Café"


def test_more_entries_than_are_read_are_cut() -> None:
    items = [(f"https://news.example/{number}", "One") for number in range(2_000)]
    entries = parse_feed(rss(*items), URL)
    assert len(entries) == MAX_ENTRIES
    assert entries[0].url == "https://news.example/0"


def test_an_entity_bomb_does_not_go_off() -> None:
    (entry,) = parse_feed(bomb(), URL)
    assert len(entry.title or "") < 100


def test_an_external_entity_is_not_read() -> None:
    body = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + rss(
        ("https://news.example/a", "before &x; after")
    )
    (entry,) = parse_feed(body, URL)
    assert entry.title in ("before &x; after", "before after")


@pytest.mark.parametrize(
    "body", [b"", b"<html><p>Not here</p></html>", b'{"error": 1}', gzip.compress(b"x"), b"\0" * 99]
)
def test_documents_that_are_no_feed(body: bytes) -> None:
    with pytest.raises(InvalidFeed):
        parse_feed(body, URL)


def test_a_feed_without_entries_is_a_feed() -> None:
    assert parse_feed(rss(), URL) == []


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_damaged_feed_gives_entries_or_the_expected_error(noise: bytes, at: int) -> None:
    body = rss(("https://news.example/a", "One", "Fri, 25 Sep 2026 12:00:00 GMT"))
    with suppress(InvalidFeed):
        parse_feed(body[:at] + noise + body[at:], URL)


def test_long_titles_are_cut_before_they_are_read() -> None:
    assert len(plain_text("<" * 5_000_000, MAX_TITLE_CHARS)) <= MAX_TITLE_CHARS
    assert plain_text("<p>a<br/>b</p>\n c", 100) == "a b c"
