"""Pages that misbehave. The catalogue's TROUBLES says what each does."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from tests.sampleweb.catalogue import LATIN1_ARTICLE, SPARE_ARTICLE
from tests.sampleweb.pages import article_page, untitled_page
from tests.sampleweb.reply import Reply, redirect, text

SLOW_SECONDS = 60.0
BOMB_BYTES = 50_000_000
STUB_WORDS = 80
ROBOTS = "User-agent: *\nDisallow: /private/"
_OPENING = b"<!doctype html>\n<html lang='en'><head><title>Without end</title></head><body>\n"
_BLANK = b"<!doctype html>\n<html lang='en'><head><title>Blank</title></head><body></body></html>\n"
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


async def _drip() -> AsyncIterator[bytes]:
    while True:
        yield b"."
        await asyncio.sleep(1)


async def _endless() -> AsyncIterator[bytes]:
    yield _OPENING
    while True:
        yield b"<p>And then, since nobody had asked it to stop, it went on.</p>\n" * 1000


@functools.cache
def _bomb() -> bytes:
    """One gzip member: many decoders stop after the first."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    million = bytes(1_000_000)
    packed = b"".join(packer.compress(million) for _ in range(BOMB_BYTES // len(million)))
    return packed + packer.flush()


class TroubleHost:
    """A host of misbehaving pages; remembers which of them have misbehaved once already."""

    def __init__(self, today: dt.date) -> None:
        self._today = today
        self._asked: set[str] = set()
        self._pages: dict[str, Callable[[], Reply]] = {
            "/robots.txt": lambda: text(200, ROBOTS),
            "/gone": lambda: text(410, "Gone."),
            "/always500": lambda: text(500, "The editor is out."),
            "/slow": lambda: replace(self._article(), wait_seconds=SLOW_SECONDS),
            "/drip": lambda: Reply(stream=_drip()),
            "/endless": lambda: Reply(stream=_endless()),
            "/bomb": lambda: Reply(body=_bomb(), headers={"Content-Encoding": "gzip"}),
            "/loop": lambda: redirect("/loop/again"),
            "/loop/again": lambda: redirect("/loop"),
            "/metadata": lambda: redirect("http://169.254.169.254/latest/meta-data/"),
            "/loopback": lambda: redirect("http://127.0.0.1:1/"),
            "/latin1": self._latin1,
            "/paywall": self._paywall,
            "/empty": Reply,
            "/blank": lambda: Reply(body=_BLANK),
            "/pdf": lambda: Reply(content_type="application/pdf", body=_PDF),
            "/image": lambda: Reply(content_type="image/png", body=_PNG),
            "/private/story": self._article,
            "/reset": self._reset,
            "/untitled": lambda: Reply(body=untitled_page(SPARE_ARTICLE)),
        }

    def answer(self, path: str) -> Reply:
        if path.startswith("/flaky/"):
            return self._article() if self._again(path) else text(500, "Try again.")
        if path == "/retry-after":
            return self._article() if self._again(path) else self._too_many()
        page = self._pages.get(path)
        return page() if page else text(404, "Not found.")

    def _again(self, path: str) -> bool:
        """Whether the path has been asked for before."""
        known = path in self._asked
        self._asked.add(path)
        return known

    def _article(self) -> Reply:
        return Reply(body=article_page(SPARE_ARTICLE, self._today))

    def _too_many(self) -> Reply:
        return text(429, "Not so fast.", Retry_After="2")

    def _latin1(self) -> Reply:
        page = article_page(LATIN1_ARTICLE, self._today).decode()
        return Reply(body=page.encode("cp1252"))

    def _paywall(self) -> Reply:
        opening = " ".join(SPARE_ARTICLE.text.split()[:STUB_WORDS]) + " …"
        stub = replace(SPARE_ARTICLE, paragraphs=(opening,))
        return Reply(body=article_page(stub, self._today))

    def _reset(self) -> Reply:
        page = article_page(SPARE_ARTICLE, self._today)
        return Reply(body=page[: len(page) // 2], promised_bytes=len(page))
