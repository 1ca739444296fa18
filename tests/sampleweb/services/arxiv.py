"""arXiv's API, after https://info.arxiv.org/help/api/user-manual.html, and where it leads."""

from __future__ import annotations

import datetime as dt
import re
from html import escape

from tests.sampleweb.catalogue import SampleArticle
from tests.sampleweb.pages import article_page
from tests.sampleweb.reply import Reply, text
from tests.sampleweb.services.asked import (
    UNTIDY,
    Asked,
    found,
    number_of,
    numbered,
    untidy_links,
)

HOST = "export.arxiv.sampleweb.example"
PAGES_HOST = "arxiv.sampleweb.example"
ENTRIES, MOST_ENTRIES = 10, 2_000
_FIELD = re.compile(r"^(?:all|ti|abs):")


def answer(asked: Asked) -> Reply:
    query = asked.parameters.get("search_query", "")
    if not _FIELD.match(query):
        return _mistake("incorrect search_query format")
    if asked.parameters.get("max_results", "10") > "9" * 5:
        return _mistake("max_results must be less than 30000")
    words = _FIELD.sub("", query)
    if words.strip('"') == UNTIDY:
        links = untidy_links()
        entries = [
            _entry(str(n), str(url or ""), str(title)) for n, (url, title) in enumerate(links)
        ]
        return _feed(entries)
    newest = sorted(found(words), key=lambda one: one.published(asked.today), reverse=True)
    shown = newest[: asked.number("max_results", ENTRIES, MOST_ENTRIES)]
    return _feed([_preprint(one, asked.today) for one in shown])


def abstract(asked: Asked) -> Reply:
    """The page at `/abs/NUMBER`, with or without the number of its version."""
    number = re.sub(r"v\d+$", "", asked.path).rpartition(".")[2]
    article = numbered(number)
    return Reply(body=article_page(article, asked.today)) if article else text(404, "Not found.")


def _preprint(article: SampleArticle, today: dt.date) -> str:
    address = f"http://{PAGES_HOST}/abs/2611.{number_of(article):05}v2"
    published = article.published(today).isoformat()
    # Titles and abstracts come broken into lines.
    title = article.title.replace(" ", "\n  ", 1)
    return _entry(address, address, title, article.paragraphs[0], published)


def _entry(
    identity: str, link: str, title: str, summary: str = "", published: str = "2026-11-01T00:00:00Z"
) -> str:
    return f"""  <entry>
    <id>{escape(identity)}</id>
    <title>{escape(title)}</title>
    <updated>{published}</updated>
    <link href="{escape(link)}" rel="alternate" type="text/html"/>
    <link href="{escape(link.replace("/abs/", "/pdf/"))}" rel="related" type="application/pdf"
      title="pdf"/>
    <summary>{escape(summary)}</summary>
    <category term="cs.CY" scheme="http://arxiv.org/schemas/atom"/>
    <published>{published}</published>
    <author><name>A. Author</name></author>
  </entry>"""


def _mistake(what: str) -> Reply:
    """A feed with status 200 whose one entry says what is wrong."""
    name = f"http://arxiv.org/api/errors#{what.replace(' ', '_')}"
    entry = _entry(name, name, "Error", what)
    return _feed([entry])


def _feed(entries: list[str]) -> Reply:
    body = f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"
  xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/sample</id>
  <title>arXiv Query: search_query</title>
  <updated>2026-11-23T00:00:00Z</updated>
  <link href="https://arxiv.org/api/query?search_query" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{len(entries)}</opensearch:itemsPerPage>
  <opensearch:totalResults>{len(entries)}</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
{chr(10).join(entries)}
</feed>"""
    return Reply(content_type="application/atom+xml; charset=utf-8", body=body.encode())
