"""MediaWiki's search, after https://www.mediawiki.org/wiki/API:Search, and the pages it finds."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import unquote

from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.pages import article_page
from tests.sampleweb.reply import Reply, text
from tests.sampleweb.services.asked import Asked, found, json_reply, number_of, untidy_links

HITS, MOST_HITS = 10, 500
_BY_TITLE = {article.title: article for article in ARTICLES}


def answer(asked: Asked) -> Reply:
    if asked.path.startswith("/wiki/"):
        return _page(asked.path.removeprefix("/wiki/"), asked.today)
    query = asked.parameters.get("srsearch", "")
    if not query:
        return _mistake("missingparam", 'The "srsearch" parameter must be set.')
    if len(query) > 300:
        return _mistake("cirrussearch-query-too-long", "The search request is too long.")
    if asked.untidy("srsearch"):
        titles = [{"ns": 0, "title": title} for _, title in untidy_links()]
        hits: list[Any] = [*titles, {"ns": 0}, {"ns": 0, "title": " "}, 7]
    else:
        articles = found(query)[: asked.number("srlimit", HITS, MOST_HITS)]
        hits = [{"ns": 0, "title": one.title, "pageid": number_of(one)} for one in articles]
    query_part = {"searchinfo": {"totalhits": len(hits)}, "search": hits}
    return json_reply({"batchcomplete": True, "query": query_part})


def _page(name: str, today: dt.date) -> Reply:
    article = _BY_TITLE.get(unquote(name).replace("_", " "))
    return Reply(body=article_page(article, today)) if article else text(404, "Not found.")


def _mistake(code: str, info: str) -> Reply:
    """With status 200."""
    return json_reply({"error": {"code": code, "info": info, "docref": "See api.php."}})
