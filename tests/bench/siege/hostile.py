"""What hostile sites answer: robots.txt, feeds and pages, each looking for a cost beyond linear."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from functools import cache
from itertools import islice

from msgspec import Struct

from tests.bench.fuzz import ONE_THING
from tests.bench.mutations import LONGEST

ROBOTS_BYTES = 500_000
"""RFC 9309 wants at least 500 KiB to be read."""
FEED_BYTES = 2_000_000
BOMB_BYTES = 50_000_000
TOKEN = "content-curator"


class Answer(Struct, frozen=True, kw_only=True):
    """One response, as it goes over the connection."""

    start: bytes
    """With status line and header."""
    then: str = "next"
    """What follows: `next` request, `close`, `hang`, `drip` of single bytes, or a `flood`."""


def sized(body: bytes, content_type: str, *headers: str) -> Answer:
    lines = (
        "HTTP/1.1 200 OK",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
        "\r\n",
    )
    return Answer(start="\r\n".join(lines).encode() + body)


def redirect(location: str) -> Answer:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return Answer(start=head.encode())


UNSIZED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@cache
def robots(number: int) -> Answer:
    """The hostile robots.txt of host `number`."""
    return ROBOTS[number % len(ROBOTS)]()


@cache
def feed(number: int) -> Answer:
    return FEEDS[number % len(FEEDS)]()


def page(number: int) -> Answer:
    """Not kept: they are large, and there are many."""
    return PAGES[number % len(PAGES)]()


def _robots_of(*lines: str) -> Answer:
    """These lines, again and again."""
    text = "".join(f"{line}\n" for line in lines)
    body = (text * (ROBOTS_BYTES // len(text) + 1))[:ROBOTS_BYTES]
    return sized(body.encode(), "text/plain")


def _starred_agents() -> Answer:
    """Ways to put stars into our name, each an agent of its own to some parsers."""
    rng = random.Random(1)
    lines: list[str] = []
    while len(lines) < ROBOTS_BYTES // 60:
        name = "".join(letter + rng.choice(("", "*")) for letter in TOKEN)
        lines.append(f"User-agent: {name}\nDisallow: /{rng.random()}*\n")
    return sized("".join(lines).encode(), "text/plain")


def _many_agents() -> Answer:
    agents = "".join(f"User-agent: {TOKEN}/{n}\n" for n in range(8_000))
    rules = "".join(f"Disallow: /{n}*{n}*$\n" for n in range(15_000))
    return sized((agents + rules).encode(), "text/plain")


def _bomb(content_type: str) -> Answer:
    return sized(gzip.compress(bytes(BOMB_BYTES)), content_type, "Content-Encoding: gzip")


ROBOTS: tuple[Callable[[], Answer], ...] = (
    _starred_agents,
    _many_agents,
    lambda: _robots_of("User-agent: *", "Disallow: /" + "*a" * 2_000 + "$"),
    lambda: _robots_of("User-agent: *", "Allow: /%ff%00", "Crawl-delay: 1e308", "Disallow: /\0"),
    lambda: sized(b"User-agent: *" * (ROBOTS_BYTES // 13), "text/plain"),
    lambda: _bomb("text/plain"),
    lambda: Answer(start=UNSIZED.replace(b"html", b"plain") + b"\r\nUser-agent: *\n", then="drip"),
    lambda: redirect("/robots.txt?again"),
)


def _rss(items: str, doctype: str = "") -> Answer:
    text = f'<?xml version="1.0"?>{doctype}<rss version="2.0"><channel>{items}</channel></rss>'
    return sized(text.encode(), "application/rss+xml")


def _laughs() -> Answer:
    entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(10))
    doctype = f'<!DOCTYPE rss [<!ENTITY l0 "ha">{entities}]>'
    return _rss("<item><title>&l10;</title><link>http://good0.example/</link></item>", doctype)


def _item(number: int, title: str) -> str:
    return (
        f"<item><title>{title}</title><link>http://many0.example/article/{number}</link>"
        f"<pubDate>{'9' * (number % 400)} Jan {'1' * (number % 200)} 99:99:99 +9999</pubDate>"
        "</item>"
    )


def _many_items() -> Answer:
    return _rss("".join(_item(n, f"siege {n}") for n in range(6_000)))


def _outlines() -> Answer:
    outlines = "".join(f'<outline xmlUrl="/feed/{n}"/>' for n in range(20_000))
    text = f'<opml version="2.0"><body>{outlines}</body></opml>'
    return sized(text.encode(), "text/x-opml")


FEEDS: tuple[Callable[[], Answer], ...] = (
    _laughs,
    _many_items,
    _outlines,
    lambda: _rss("<a>" * (FEED_BYTES // 3)),
    lambda: _rss(_item(1, "&lt;b&gt;" * (FEED_BYTES // 9))),
    lambda: _rss(_item(1, "siege " + "&amp;amp;" * (FEED_BYTES // 9))),
    lambda: _bomb("application/rss+xml"),
    lambda: Answer(start=UNSIZED.replace(b"html", b"xml") + b"\r\n<rss>", then="flood"),
    lambda: Answer(start=UNSIZED.replace(b"html", b"xml") + b"\r\n<rss>", then="drip"),
)


def _of_one_thing(piece: str) -> Callable[[], Answer]:
    def answer() -> Answer:
        start = "<html><head><title>T</title></head><body><p>"
        body = (start + piece * (LONGEST // len(piece.encode()))).encode()[:LONGEST]
        return sized(body, "text/html; charset=utf-8")

    return answer


def _noise() -> Answer:
    return sized(random.Random(3).randbytes(LONGEST), "text/html; charset=utf-16")


_ODD: tuple[Callable[[], Answer], ...] = (
    lambda: _bomb("text/html"),
    _noise,
    lambda: Answer(start=UNSIZED + b"\r\n<html>", then="flood"),
    lambda: Answer(start=UNSIZED + b"\r\n<html>", then="drip"),
    lambda: Answer(start=UNSIZED + b"Content-Length: 1000\r\n\r\n<html>", then="close"),
    lambda: Answer(start=UNSIZED + b"Content-Length: 1000\r\n\r\n<html>", then="hang"),
    lambda: Answer(start=UNSIZED + b"X-Long: " + b"x" * 400_000 + b"\r\n\r\n", then="close"),
    lambda: Answer(start=UNSIZED + b"X: y\r\n" * 20_000 + b"\r\n", then="close"),
    lambda: Answer(start=b"HTTP/1.1 99999999 \xff\r\n\r\n", then="close"),
    lambda: Answer(start=UNSIZED + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", then="hang"),
    lambda: Answer(start=b"\x00\xff" * 10_000, then="flood"),
    lambda: redirect("/hostile/again"),
    lambda: redirect("http://169.254.169.254/latest/meta-data/"),
    lambda: Answer(start=UNSIZED + b"Content-Encoding: br\r\nContent-Length: 9\r\n\r\n" + b"x" * 9),
)

PAGES: tuple[Callable[[], Answer], ...] = tuple(
    islice(
        (
            answer
            for pair in zip(map(_of_one_thing, ONE_THING), _ODD * 3, strict=False)
            for answer in pair
        ),
        2 * len(ONE_THING),
    )
)
"""The odd ones between those of one thing."""
