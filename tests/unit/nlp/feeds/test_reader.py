"""Feeds of all kinds, the broken ones included, give entries or one clear error."""

from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.article import Page
from nlp.feeds.feed import MAX_ENTRIES, Entry, FeedRequest
from nlp.feeds.reader import read_feed
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


class InvalidFeed(Exception):
    """The report has a problem."""


def parse_feed(body: bytes, url: str, content_type: str | None = None) -> list[Entry]:
    page = Page(url=url, body=body, content_type=content_type)
    report = read_feed(FeedRequest(page=page))
    if report.problem:
        raise InvalidFeed(report.problem)
    return list(report.entries)


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


def read(
    *items: str, url: str = URL, channel: str = "", topic: str | None = None, limit: int = 100
) -> list[Entry]:
    body = "".join(f"<item>{item}</item>" for item in items)
    page = Page(
        url=url, body=f'<rss version="2.0"><channel>{channel}{body}</channel></rss>'.encode()
    )
    return list(read_feed(FeedRequest(page=page, topic=topic, limit=limit)).entries)


def atom(entry: str, head: str = "") -> list[Entry]:
    body = f'<feed xmlns="http://www.w3.org/2005/Atom">{head}<entry>{entry}</entry></feed>'
    return parse_feed(body.encode(), URL)


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ("<link>https://a.example/1</link><guid>https://a.example/2</guid>", "https://a.example/1"),
        ("<link/><guid>https://a.example/2</guid>", "https://a.example/2"),
        ("<link></link><link>https://a.example/3</link>", "https://a.example/3"),
        ("<guid>/posts/3</guid>", "https://news.example/posts/3"),
        ("<atom:link href='https://a.example/4'/>", "https://a.example/4"),
        (
            "<link>https://proxy.example/5</link>"
            "<feedburner:origLink>https://a.example/5</feedburner:origLink>",
            "https://a.example/5",
        ),
        ("<link><![CDATA[ https://a.example/?a=6&b=7 ]]></link>", "https://a.example/?a=6&b=7"),
        ("<link>https://a.example/?a=8&amp;amp;b=9</link>", "https://a.example/?a=8&b=9"),
        ("<link>https://a.example/?a=8&b=9</link>", "https://a.example/?a=8&b=9"),
        (
            "<image><link>https://no.example/</link></image>"
            "<source url='x'><link>https://no.example/</link></source>"
            "<link>https://a.example/10</link>",
            "https://a.example/10",
        ),
    ],
)
def test_the_link_of_an_item(item: str, url: str) -> None:
    assert [entry.url for entry in read(item)] == [url]


def test_an_id_is_no_link_where_the_feed_says_so() -> None:
    assert read('<title>x</title><guid isPermaLink="false">https://a.example/1</guid>') == []


@pytest.mark.parametrize(
    ("links", "url"),
    [
        (
            '<link rel="enclosure" type="image/jpeg">https://img.example/1</link>'
            '<link href="https://a.example/1"/>',
            "https://a.example/1",
        ),
        (
            '<link rel="alternate" type="application/json" href="https://a.example/j"/>'
            '<link rel="alternate" type="text/html" href="https://a.example/2"/>',
            "https://a.example/2",
        ),
        (
            '<link rel="self" href="https://no.example/"/><link rel="replies" href="/r"/>'
            '<link rel="http://www.iana.org/assignments/relation/alternate" href="/3"/>',
            "https://news.example/3",
        ),
        ("<id>https://a.example/4</id>", "https://a.example/4"),
        ("<link>https://a.example/5</link>", "https://a.example/5"),
        (
            '<source><link href="https://no.example/"/></source><link href="/6"/>',
            "https://news.example/6",
        ),
        ('<link xml:base="https://b.example/x/" href="7"/>', "https://b.example/x/7"),
    ],
)
def test_the_link_of_an_atom_entry(links: str, url: str) -> None:
    assert [entry.url for entry in atom(links)] == [url]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ('<title type="text">Use &lt;b&gt;bold&lt;/b&gt;</title>', "Use <b>bold</b>"),
        ('<title type="html">Use &lt;b&gt;bold&lt;/b&gt;</title>', "Use bold"),
        ("<title>Use &lt;b&gt;bold&lt;/b&gt;</title>", "Use bold"),
        ('<title type="text"><![CDATA[AT&T <b>]]></title>', "AT&T <b>"),
        ('<title type="html"><![CDATA[AT&T <b>&lt;x&gt;</b> &amp;]]></title>', "AT&T <x> &"),
        ('<title type="html">Use &amp;lt;b&amp;gt;</title>', "Use <b>"),
        (
            '<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Use '
            "<em>&lt;i&gt;</em> &amp; so on</div></title>",
            "Use <i> & so on",
        ),
    ],
)
def test_the_title_of_an_atom_entry(title: str, text: str) -> None:
    (entry,) = atom(f'{title}<link href="/1"/>')
    assert entry.title == text


def test_relative_links_of_a_feed_on_another_host_lead_to_the_site() -> None:
    channel = "<title>t</title><link>https://www.site.example/news/</link>"
    (entry,) = read("<link>posts/a</link>", url="https://proxy.example/f", channel=channel)
    assert entry.url == "https://www.site.example/news/posts/a"
    (entry,) = atom('<link href="posts/a"/>', '<link href="https://www.site.example/"/>')
    assert entry.url == "https://www.site.example/posts/a"


def test_rdf() -> None:
    body = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
      <channel><title>c</title><link>http://site.example/</link></channel>
      <image><title>no</title><link>http://no.example/</link></image>
      <item rdf:about="http://site.example/id"><title>One</title><link>one.html</link>
      <dc:date>2024-07-01T10:00:00+02:00</dc:date></item></rdf:RDF>"""
    (entry,) = parse_feed(body, "http://feeds.example/x")
    assert entry.url == "http://site.example/one.html"
    assert (entry.title, entry.published) == ("One", 1_719_820_800.0)


def test_json_feed() -> None:
    body = """{"version": "https://jsonfeed.org/version/1.1", "title": "t",
      "home_page_url": "https://site.example/", "items": [
      {"id": "1", "url": "https://a.example/1", "title": "Rain &amp; wind",
       "content_html": "<p>A storm.</p>", "date_published": "2024-07-01T10:00:00+02:00"},
      {"id": "https://a.example/2"}, {"id": "3", "url": "/3"}, {"id": "4", "url": null},
      {"id": 5, "external_url": "https://b.example/5", "title": 7, "date_published": 8}, "x", null
      ]}"""
    entries = parse_feed(body.encode(), URL, "application/feed+json")
    assert [entry.url for entry in entries] == [
        "https://a.example/1",
        "https://a.example/2",
        "https://site.example/3",
        "https://b.example/5",
    ]
    assert (entries[0].title, entries[0].summary) == ("Rain & wind", "A storm.")
    assert entries[0].published == 1_719_820_800.0


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("今日のニュース①", "shift_jis"),
        ("今日新闻头条", "gbk"),
        ("今日新聞頭條", "big5"),
        ("오늘의 뉴스 속보", "euc-kr"),
        ("Новости этого дня", "windows-1251"),
        ("Новости этого дня", "utf-8"),
        ("Neuigkeiten für die größeren Städte", "iso-8859-1"),
    ],
)
def test_a_stray_byte_costs_no_other_title(text: str, encoding: str) -> None:
    codec = "cp932" if encoding == "shift_jis" else encoding
    body = rss(("https://a.example/1", "FIRST"), ("https://a.example/2", "SECOND"))
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    body = body.replace(b"FIRST", text.encode(codec))
    body = declaration + body.replace(b"SECOND", b"\xff " + text.encode(codec))
    for content_type in (None, "application/rss+xml", f"text/xml; charset={encoding}"):
        first, second = parse_feed(body, URL, content_type)
        assert first.title == text
        assert (second.title or "").endswith(text)


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ("<title>A & B &nbsp; C &hellip; &bogus; &#146;</title>", "A & B C … &bogus; ’"),
        ("<title><![CDATA[AT&T and AT&amp;T]]></title>", "AT&T and AT&T"),
        ("<title>Fish <b>market</b> rebuilt</title>", "Fish market rebuilt"),
        ("<title>One</title><media:title>Two</media:title>", "One"),
        ("<media:title>Two</media:title><title>One</title>", "One"),
        ("<title></title><title>One</title>", "One"),
        ("<title>\x00\x0bOne</title>", "One"),
    ],
)
def test_the_title_of_an_item(item: str, title: str) -> None:
    (entry,) = read(item + "<link>https://a.example/1</link>")
    assert entry.title == title


def test_a_tag_that_is_not_ended_costs_no_entry() -> None:
    entries = read(
        "<title>One</title><description>a<br>b<p>c</description><link>/1?a=1&amp;b=2</link>",
        "<title>Two</title><link>/2</link><pubDate>Mon, 01 Jul 2024 10:00:00 CEST</pubDate>",
    )
    assert [(entry.url[20:], entry.title) for entry in entries] == [
        ("/1?a=1&b=2", "One"),
        ("/2", "Two"),
    ]
    assert entries[1].published == 1_719_820_800.0


@pytest.mark.parametrize(
    "date",
    [
        "<pubDate>ma, 01 jul 2024 08:00:00 +0000</pubDate>",
        "<pubDate>lun., 1er juil. 2024 10:00 CEST</pubDate>",
        "<pubDate>Mon, 1st Jul 2024 4:00 AM EDT</pubDate>",
        "<pubDate>2024/07/01 08:00:00</pubDate>",
        "<pubDate>Mon, 01 Jul 2024 10:00:00 Europe/Berlin</pubDate>",
        "<pubDate>nonsense</pubDate><dc:date>2024-07-01T08:00:00Z</dc:date>",
        "<updated>2025-07-01</updated><published>2024-07-01T08:00Z</published>",
    ],
)
def test_the_date_of_an_item(date: str) -> None:
    (entry,) = read(f"<link>/1</link>{date}")
    assert entry.published == 1_719_820_800.0


def test_hostile_documents_are_read_within_bounds() -> None:
    """Each would take minutes, or gigabytes, if its cost grew with the square of its size."""
    pieces = (
        "<a>", "<a/>", "&", "&nbsp;", "<", "<!--", "<![CDATA[", "<!DOCTYPE ", "<!DOCTYPE x [ ]",
        "<title>", '<item a="', '<a xml:base="https://n.example/b/">', "<item><item>", "&#1;",
        "]]>", "<a:b>",
        "<item><link>/1</link><pubDate>" + "1:" * 60 + "</pubDate></item>",
        "<item><link>/1</link><title>" + "<b " * 300 + "</title></item>",
    )  # fmt: skip
    for piece in pieces:
        body = b"<rss><channel>" + piece.encode() * (60_000 // len(piece))
        report = read_feed(FeedRequest(page=Page(url=URL, body=body), topic="solar power"))
        assert report.seen <= MAX_ENTRIES
    for body in (b"[" * 60_000, b'{"a":' * 20_000, b'{"items":[' + b"9" * 60_000):
        assert read_feed(FeedRequest(page=Page(url=URL, body=body))).problem


def test_a_topic_is_looked_for_by_the_rarity_of_its_words() -> None:
    items = (
        "<title>Football in Europe</title><link>/1</link>",
        "<title>Intelligence regulation</title><link>/2</link>",
        "<title>EU agrees on rules for artificial intelligence</title><link>/3</link>",
        "<title>What is in it for the of</title><link>/4</link>",
        "<title>Lawmakers meet</title><link>/5</link>"
        "<description>Regulating artificial intelligence in Europe.</description>",
    )
    found = read(*items, topic="artificial intelligence regulation in Europe")
    assert {entry.url[-1] for entry in found} == {"2", "3", "5"}
    assert found[0].url[-1] == "5"
    assert all(0.4 <= entry.match <= 1.0 for entry in found)
    assert read(*items, topic="artificial intelligence regulation", limit=1)[0].url[-1] != "1"
    assert read(*items, topic="!!!") == []


def test_a_topic_of_function_words_is_looked_for_too() -> None:
    found = read("<title>The Who on tour</title><link>/1</link>", topic="The Who")
    assert len(found) == 1


def test_of_equal_matches_the_newest_comes_first_and_an_undated_one_last() -> None:
    found = read(
        "<title>Solar power</title><link>/1</link>",
        "<title>Solar power</title><link>/2</link><pubDate>2024-01-01</pubDate>",
        "<title>Solar power</title><link>/3</link><pubDate>2024-02-01</pubDate>",
        topic="solar power",
    )
    assert [entry.url[-1] for entry in found] == ["3", "2", "1"]
