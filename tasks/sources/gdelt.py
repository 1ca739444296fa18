"""GDELT's DOC 2.0 search: news of the last three months from all over the world.

Its manual: https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/. It asks for at most one request
in five seconds, and answers mistakes with plain text and status 200.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.outcome import Candidate
from tasks.ports import Fetcher

MAX_RECORDS = 250
SECONDS_BETWEEN_REQUESTS = 5.0
MAX_QUOTED_CHARS = 200


class _Article(Struct, frozen=True, kw_only=True):
    url: str | None = None
    title: str | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    articles: tuple[_Article, ...] = ()


class GdeltSource:
    """Asks GDELT for the topic, in turn: one source stands for all requests of a process."""

    name = "gdelt"

    def __init__(
        self,
        fetcher: Fetcher,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fetcher = fetcher
        self._url = url
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._next_request: float | None = None
        """When the next may be sent, on the clock; None before the first."""

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        async with self._turn:
            await self._wait()
            page = await self._fetcher.document(self._search_url(topic, limit))
        return [
            Candidate(url=article.url, source=self.name, title=article.title)
            for article in _decoded(page).articles
            if article.url and article.url.startswith(("http://", "https://"))
        ][:limit]

    async def _wait(self) -> None:
        if self._next_request is not None and self._next_request > self._clock():
            await self._sleep(self._next_request - self._clock())
        self._next_request = self._clock() + SECONDS_BETWEEN_REQUESTS

    def _search_url(self, topic: str, limit: int) -> str:
        parameters = {
            "query": search_terms(topic),
            "mode": "artlist",
            "format": "json",
            "maxrecords": str(min(limit, MAX_RECORDS)),
            "sort": "hybridrel",
        }
        return f"{self._url}{'&' if '?' in self._url else '?'}{urlencode(parameters)}"


def search_terms(topic: str) -> str:
    """The topic as one phrase; without GDELT's own operators, which would be errors in it."""
    words = "".join(" " if char in '"():<>' else char for char in topic).split()
    phrase = " ".join(word.lstrip("-") for word in words)
    return f'"{phrase}"' if " " in phrase or "-" in phrase else phrase


def _decoded(page: Page) -> _Answer:
    text = page.body.decode("utf-8", errors="replace").strip()
    if not text.startswith("{"):
        raise _refusal(" ".join(text.split()))
    try:
        # Not strict: titles come with line breaks that JSON does not allow.
        return msgspec.convert(json.loads(text, strict=False), _Answer)
    except (ValueError, RecursionError) as error:
        raise TransientFailure(
            Reason.SERVER_ERROR, "GDELT's answer is not the JSON that it promises."
        ) from error


def _refusal(text: str) -> StepError:
    """GDELT says in plain text what it does not like."""
    if "limit requests" in text.lower():
        return TransientFailure(
            Reason.SERVER_ERROR,
            "GDELT asks for fewer requests.",
            retry_after=SECONDS_BETWEEN_REQUESTS,
        )
    if not text or text.startswith("<"):
        return TransientFailure(Reason.SERVER_ERROR, "GDELT answered with no result.")
    shown = text[:MAX_QUOTED_CHARS]
    return PermanentFailure(Reason.HTTP_ERROR, f"GDELT refused the search: {shown}")
