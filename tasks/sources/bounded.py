"""A time limit for each source, so that one that hangs does not keep the others' finds waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tasks.errors import Reason, TransientFailure
from tasks.outcome import Candidate
from tasks.ports import Source


class BoundedSource:
    """The source within its time, its turns with other jobs included."""

    def __init__(self, source: Source, seconds: float) -> None:
        self._source = source
        self._seconds = seconds

    @property
    def name(self) -> str:
        return self._source.name

    async def find(self, topic: str, limit: int) -> Sequence[Candidate]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._source.find(topic, limit)
        except TimeoutError as error:
            raise TransientFailure(
                Reason.TIMED_OUT, f"It found nothing within {self._seconds:g} seconds."
            ) from error
