"""A fetcher that plays a web of a few documents."""

from __future__ import annotations

from collections.abc import Mapping

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, StepError


class PlayedWeb:
    """Answers with the document at the URL, raises where a failure stands there, else 404."""

    def __init__(self, documents: Mapping[str, bytes | StepError]) -> None:
        self.documents = documents
        self.requested: list[str] = []

    async def page(self, url: str) -> Page:
        return await self.document(url)

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        self.requested.append(url)
        found = self.documents.get(url)
        if found is None:
            raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404 Not Found.")
        if isinstance(found, StepError):
            raise found
        return Page(url=url, body=found)


class PlayedService:
    """Answers whatever it is asked alike, and keeps how it was asked."""

    def __init__(self, answer: bytes | StepError) -> None:
        self.answer = answer
        self.url = ""
        self.headers: dict[str, str] = {}
        self.interval = 0.0

    async def page(self, url: str) -> Page:
        return await self.document(url)

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        self.url, self.headers, self.interval = url, dict(headers or {}), interval
        if isinstance(self.answer, StepError):
            raise self.answer
        return Page(url=url, body=self.answer)


def rss(*items: tuple[str, str] | tuple[str, str, str]) -> bytes:
    """A feed of items, each a link, a title and perhaps a date."""
    parts = []
    for link, title, *date in items:
        dated = f"<pubDate>{date[0]}</pubDate>" if date else ""
        parts.append(f"<item><title>{title}</title><link>{link}</link>{dated}</item>")
    return f'<rss version="2.0"><channel><title>t</title>{"".join(parts)}</channel></rss>'.encode()


def opml(*urls: str) -> bytes:
    outlines = "".join(f'<outline text="x" type="rss" xmlUrl="{url}"/>' for url in urls)
    return f'<opml version="2.0"><body><outline>{outlines}</outline></body></opml>'.encode()
