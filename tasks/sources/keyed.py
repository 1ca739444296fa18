"""Services that want a key.

It goes in a header and so into no URL, and is cut out of what comes back: some services repeat a
wrong key in their answer, and their answers are quoted to readers.
"""

from __future__ import annotations

from msgspec.structs import replace

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason
from tasks.ports import Fetcher


class KeyedService:
    """Asks one service with its key."""

    def __init__(self, fetcher: Fetcher, *, header: str, key: str, setting: str) -> None:
        self._fetcher = fetcher
        self._header = header
        self._key = key
        self._setting = setting
        """The name of the setting that holds the key, for the operator."""

    async def document(self, url: str) -> Page:
        """Raises PermanentFailure or TransientFailure."""
        try:
            page = await self._fetcher.document(url, headers={self._header: self._key})
        except PermanentFailure as failure:
            if failure.reason is not Reason.HTTP_ERROR:
                raise
            hint = f"{failure.detail} {self._setting} may be wrong, or used up."
            raise PermanentFailure(failure.reason, hint) from failure
        return replace(page, body=page.body.replace(self._key.encode(), b"(hidden)"))
