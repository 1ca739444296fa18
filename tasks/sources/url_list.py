"""A plain list of URLs as a source."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.job import Candidate


class UrlList:
    """The URLs that a client gave, as they are; the topic does not matter."""

    name = "urls"

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        return [Candidate(url=url) for url in self._urls[:limit]]
