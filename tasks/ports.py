"""What the domain asks of the world around it. Each protocol holds only what its callers use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nlp.article import Page
from tasks.job import Candidate


class Fetcher(Protocol):
    """Gets a document, politely and within bounds."""

    async def page(self, url: str) -> Page:
        """An article's page. Honours robots.txt.

        Raises PermanentFailure or TransientFailure with the reason.
        """
        ...

    async def document(self, url: str) -> Page:
        """A feed, an OPML list or a search answer: XML, JSON or text, asked for on purpose.

        Raises PermanentFailure or TransientFailure with the reason.
        """
        ...


class Source(Protocol):
    """Finds candidates for a topic."""

    @property
    def name(self) -> str: ...

    async def find(self, topic: str, limit: int) -> Sequence[Candidate]:
        """At most `limit` candidates, best or newest first, as the source orders them.

        Raises PermanentFailure or TransientFailure where the source failed.
        """
        ...
