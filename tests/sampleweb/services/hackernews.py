"""Algolia's search of Hacker News, after https://hn.algolia.com/api."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.sampleweb.catalogue import SampleArticle
from tests.sampleweb.reply import Reply
from tests.sampleweb.services.asked import Asked, found, json_reply, number_of, untidy_links

HITS, MOST_HITS = 20, 1_000
SINCE = "created_at_i>="


def answer(asked: Asked) -> Reply:
    query = asked.parameters.get("query", "")
    since = asked.parameters.get("numericFilters", SINCE + "0")
    if not since.startswith(SINCE) or not since.removeprefix(SINCE).isdigit():
        return json_reply({"message": "Invalid numeric filter.", "status": 400}, 400)
    if asked.untidy("query"):
        hits: list[Any] = [_hit(n, url, title, 0) for n, (url, title) in enumerate(untidy_links())]
        hits += [{"objectID": "x", "url": 3}, {"objectID": "y"}, "no record at all"]
    else:
        recent = int(since.removeprefix(SINCE))
        stories = [_story(one, asked.today) for one in found(query)]
        hits = [hit for hit in stories if hit["created_at_i"] >= recent]
        if hits:
            hits.insert(1, _question(asked.today))
    shown = hits[: asked.number("hitsPerPage", HITS, MOST_HITS)]
    return json_reply(
        {
            "hits": shown,
            "nbHits": len(hits),
            "page": 0,
            "nbPages": 1,
            "hitsPerPage": len(shown),
            "query": query,
            "processingTimeMS": 3,
        }
    )


def _story(article: SampleArticle, today: dt.date) -> dict[str, Any]:
    created = int(article.published(today).timestamp())
    return _hit(number_of(article), article.url, article.title, created)


def _hit(number: int, url: Any, title: Any, created: int) -> dict[str, Any]:
    return {
        "objectID": str(41_000_000 + number),
        "story_id": 41_000_000 + number,
        "title": title,
        "url": url,
        "author": "reader",
        "points": 100 + number,
        "num_comments": number,
        "created_at_i": created,
        "_tags": ["story", "author_reader", f"story_{41_000_000 + number}"],
        "_highlightResult": {"title": {"value": title, "matchLevel": "full"}},
    }


def _question(today: dt.date) -> dict[str, Any]:
    """A story without a link: its text is on Hacker News itself."""
    midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
    hit = _hit(999, None, "Ask HN: What do you read?", int(midnight.timestamp()))
    return {**hit, "story_text": "And why?", "_tags": ["story", "ask_hn"]}
