"""NewsAPI's `everything`, after https://newsapi.org/docs."""

from __future__ import annotations

from typing import Any

from tests.sampleweb.catalogue import SampleArticle
from tests.sampleweb.reply import Reply
from tests.sampleweb.services.asked import KEY, Asked, found, json_reply, untidy_links

ARTICLES_SHOWN, MOST_ARTICLES = 100, 100


def answer(asked: Asked) -> Reply:
    key = asked.headers.get("x-api-key", "")
    if not key:
        return _mistake(401, "apiKeyMissing", "Your API key is missing.")
    if key != KEY:
        return _mistake(401, "apiKeyInvalid", f"Your API key is invalid: {key}")
    query = asked.parameters.get("q", "")
    if not query:
        return _mistake(400, "parametersMissing", "Required parameters are missing: q.")
    if asked.untidy("q"):
        records: list[Any] = [_record(url, title) for url, title in untidy_links()]
        records += [_record("https://removed.com", "[Removed]"), {"title": "x"}, None]
    else:
        records = [_article(one, asked) for one in found(query)]
    shown = records[: asked.number("pageSize", ARTICLES_SHOWN, MOST_ARTICLES)]
    return json_reply({"status": "ok", "totalResults": len(records), "articles": shown})


def _article(article: SampleArticle, asked: Asked) -> dict[str, Any]:
    published = f"{article.published(asked.today):%Y-%m-%dT%H:%M:%SZ}"
    about = {"author": article.author, "publishedAt": published}
    return {**_record(article.url, article.title), **about, "content": article.paragraphs[0][:200]}


def _record(url: Any, title: Any) -> dict[str, Any]:
    source = {"id": None, "name": "Sample"}
    return {"source": source, "title": title, "description": None, "url": url, "urlToImage": None}


def _mistake(status: int, code: str, message: str) -> Reply:
    return json_reply({"status": "error", "code": code, "message": message}, status)
