"""Feeds, the list of feeds, and the two search services."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from tests.sampleweb.catalogue import ARTICLES, HOSTS, Host, SampleArticle
from tests.sampleweb.reply import Reply, text
from tests.sampleweb.search import search, terms

ATOM = "http://www.w3.org/2005/Atom"
SEARCH_LIMIT = 50
GDELT_DEFAULT, GDELT_MOST = 75, 250
GDELT_SHORTEST_WORD = 3
PRINTING_HOSTS = tuple(host for host in HOSTS.values() if any(one.host == host for one in ARTICLES))


def _xml(root: ET.Element, content_type: str) -> Reply:
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Reply(content_type=content_type, body=body)


def _add(parent: ET.Element, tag: str, content: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = content or None
    return element


def _newest_first(shown: Sequence[SampleArticle], today: dt.date) -> list[SampleArticle]:
    return sorted(shown, key=lambda one: (one.published(today), one.url), reverse=True)


def _link(article: SampleArticle, tracking: str) -> str:
    if not tracking:
        return article.url
    return f"{article.url}{'&' if '?' in article.url else '?'}{tracking}"


def rss(
    title: str, home: str, shown: Sequence[SampleArticle], today: dt.date, tracking: str = ""
) -> Reply:
    """RSS 2.0, in the order given."""
    root = ET.Element("rss", version="2.0")
    channel = _add(root, "channel")
    _add(channel, "title", title)
    _add(channel, "link", home)
    _add(channel, "description", title)
    for article in shown:
        item = _add(channel, "item")
        _add(item, "title", article.title)
        _add(item, "link", _link(article, tracking))
        _add(item, "guid", article.url, isPermaLink="false")
        _add(item, "pubDate", format_datetime(article.published(today)))
        _add(item, "description", article.paragraphs[0])
    return _xml(root, "application/rss+xml; charset=utf-8")


def atom(host: Host, shown: Sequence[SampleArticle], today: dt.date) -> Reply:
    """Atom 1.0, in the order given."""
    root = ET.Element("feed", xmlns=ATOM)
    _add(root, "title", host.title)
    _add(root, "id", host.feed_url)
    _add(root, "link", rel="self", href=host.feed_url)
    _add(root, "updated", shown[0].published(today).isoformat())
    for article in shown:
        entry = _add(root, "entry")
        _add(entry, "title", article.title)
        _add(entry, "id", article.url)
        _add(entry, "link", rel="alternate", href=_link(article, host.tracking))
        _add(entry, "published", article.published(today).isoformat())
        _add(entry, "updated", article.published(today).isoformat())
        _add(_add(entry, "author"), "name", article.author)
        _add(entry, "summary", article.paragraphs[0])
    return _xml(root, "application/atom+xml; charset=utf-8")


def host_feed(host: Host, today: dt.date) -> Reply:
    shown = _newest_first([one for one in ARTICLES if one.host == host], today)
    if host.feed == "atom":
        return atom(host, shown, today)
    return rss(host.title, f"http://{host.name}/", shown, today, host.tracking)


def opml() -> Reply:
    """The list of every host's feed."""
    root = ET.Element("opml", version="2.0")
    _add(_add(root, "head"), "title", "Feeds of the sample web")
    body = _add(root, "body")
    for host in PRINTING_HOSTS:
        _add(body, "outline", type="rss", text=host.title, title=host.title, xmlUrl=host.feed_url)
    return _xml(root, "text/x-opml; charset=utf-8")


def search_feed(query: str, today: dt.date) -> Reply:
    """What a news search offers as a feed: best first."""
    shown = search(query)[:SEARCH_LIMIT]
    return rss(f"Search: {query}", "http://search.sampleweb.example/", shown, today)


def _gdelt_record(article: SampleArticle, today: dt.date) -> dict[str, str]:
    return {
        "url": article.url,
        "title": article.title,
        "seendate": f"{article.published(today):%Y%m%dT%H%M%SZ}",
        "domain": article.host.domain,
        "language": "English",
        "sourcecountry": "Varsland",
    }


def _gdelt_count(asked: str) -> int:
    return min(int(asked), GDELT_MOST) if asked.isdigit() else GDELT_DEFAULT


def gdelt(query: str, maxrecords: str, today: dt.date) -> Reply:
    """GDELT's DOC 2.0 in mode artlist: errors are plain text with 200, no hits an empty object."""
    asked = terms(query)
    if not asked or any(len(word) < GDELT_SHORTEST_WORD for word in asked):
        return text(200, "The specified phrase is too short.")
    hits = search(query)[: _gdelt_count(maxrecords)]
    records = [_gdelt_record(article, today) for article in hits]
    answer = {"articles": records} if records else {}
    return Reply(content_type="application/json; charset=utf-8", body=json.dumps(answer).encode())
