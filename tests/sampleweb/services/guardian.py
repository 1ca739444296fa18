"""The Guardian's content API, after https://open-platform.theguardian.com/documentation/."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.sampleweb.catalogue import SampleArticle
from tests.sampleweb.reply import Reply
from tests.sampleweb.services.asked import KEY, Asked, found, json_reply, untidy_links

RESULTS, MOST_RESULTS = 10, 50


def answer(asked: Asked) -> Reply:
    key = asked.headers.get("api-key") or asked.parameters.get("api-key", "")
    if key != KEY:
        return json_reply({"message": "Unauthorized"}, 401)
    if int(asked.parameters.get("page-size", RESULTS)) > MOST_RESULTS:
        return _mistake(400, "page-size must be an integer between 0 and 50")
    if asked.untidy("q"):
        records: list[Any] = [_record(url, title) for url, title in untidy_links()]
        records += [{"webTitle": "x"}, []]
    else:
        first = dt.date.fromisoformat(asked.parameters.get("from-date", "1999-01-01"))
        articles = found(asked.parameters.get("q", ""))
        recent = [one for one in articles if one.published(asked.today).date() >= first]
        records = [_article(one, asked.today) for one in recent]
    shown = records[: asked.number("page-size", RESULTS, MOST_RESULTS)]
    response = {
        "status": "ok",
        "userTier": "developer",
        "total": len(records),
        "startIndex": 1,
        "pageSize": len(shown),
        "currentPage": 1,
        "pages": 1,
        "orderBy": "relevance",
        "results": shown,
    }
    return json_reply({"response": response})


def _article(article: SampleArticle, today: dt.date) -> dict[str, Any]:
    published = f"{article.published(today):%Y-%m-%dT%H:%M:%SZ}"
    about = {"id": f"world/{article.slug}", "type": "article", "webPublicationDate": published}
    return {**about, **_record(article.url, article.title)}


def _record(url: Any, title: Any) -> dict[str, Any]:
    return {"sectionId": "world", "webTitle": title, "webUrl": url, "isHosted": False}


def _mistake(status: int, message: str) -> Reply:
    return json_reply({"response": {"status": "error", "message": message}}, status)
