"""When a request is sent, and with which headers, to a site that answers as the test decides."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping

import httpx
import pytest
from msgspec.structs import replace

from nlp.article import Page
from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason
from tasks.fetch.addresses import parse_target
from tasks.fetch.content import ContentPolicy, document_policy, page_policy
from tasks.fetch.http_cache import HttpCache, SiteResponse
from tasks.settings import Settings

START = 1_800_000_000.0
URL = "http://news.example/a"
WANTED = page_policy(1_000)
HTML = "text/html; charset=utf-8"


class Shelf:
    """A store that keeps all."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self.values[key] = value


class World:
    """A site, a cache before it, and the time."""

    def __init__(self, **settings: object) -> None:
        self.now = START
        self.shelf = Shelf()
        self.settings = replace(Settings(http_cache_max_age=100_000), **settings)
        self.headers: dict[str, str] = {}
        self.status = 200
        self.body = b"<html>first"
        self.location: Page | str | None = None
        self.delay = 0.0
        self.sent_conditions: list[dict[str, str]] = []
        """The conditions of each request."""

    async def read(self, url: str = URL, policy: ContentPolicy = WANTED) -> bytes | str:
        cache = HttpCache(self.shelf, fetch_policy(self.settings), clock=lambda: self.now)
        content = await cache.get(parse_target(url, allow_private=True), policy, self.ask)
        return content.body if isinstance(content, Page) else content

    async def ask(self, conditional_headers: Mapping[str, str]) -> SiteResponse:
        self.sent_conditions.append(dict(conditional_headers))
        requested_s = self.now
        self.now += self.delay
        status = self.status if conditional_headers or self.status != 304 else 200
        page = Page(url=URL, body=self.body, content_type=HTML)
        return SiteResponse(
            status=status,
            headers=httpx.Headers(self.headers),
            requested_s=requested_s,
            received_s=self.now,
            content="" if status == 304 else self.location or page,
        )

    def says(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def requests(self) -> int:
        return len(self.sent_conditions)


def date(seconds: float) -> str:
    return email.utils.formatdate(START + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "delay", "fresh_for"),
    [
        ({"cache_control": "max-age=60"}, 0, 60),
        ({"cache_control": "max-age=60", "date": date(0)}, 0, 60),
        ({"cache_control": "max-age=60", "date": date(-20)}, 0, 40),
        ({"cache_control": "max-age=60", "age": "20"}, 0, 40),
        ({"cache_control": "max-age=60", "age": "20", "date": date(-30)}, 0, 30),
        ({"cache_control": "max-age=60", "age": "20"}, 10, 30),
        ({"cache_control": "max-age=60", "date": date(+900)}, 0, 60),
        ({"cache_control": "max-age=60", "age": "nonsense"}, 0, 60),
        ({"cache_control": "max-age=60", "age": "-5"}, 0, 60),
        ({"expires": date(60)}, 0, 60),
        ({"expires": date(60), "date": date(-10)}, 0, 60),
        ({"cache_control": "max-age=999999999"}, 0, 100_000),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, 0, 100_000),
    ],
)
async def test_a_fresh_response_needs_no_request(
    headers: dict[str, str], delay: float, fresh_for: float
) -> None:
    world = World()
    world.says(**headers)
    world.delay = delay
    await world.read()
    came = world.now
    world.body = b"<html>second"
    world.now = came + fresh_for - 1
    assert await world.read() == b"<html>first"
    assert world.requests == 1
    world.now = came + fresh_for
    assert await world.read() == b"<html>second"
    assert world.requests == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cache_control": "max-age=60", "age": "60"},
        {"cache_control": "max-age=60", "age": "9" * 40},
        {"cache_control": "no-store, max-age=60"},
        {"cache_control": "private, max-age=60"},
        {"cache_control": "no-cache, max-age=60"},
        {"cache_control": "max-age=60", "vary": "*"},
        {"last_modified": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"etag": '"a"'},
    ],
)
async def test_any_other_response_is_requested_again(headers: dict[str, str]) -> None:
    world = World()
    world.says(**headers)
    await world.read()
    await world.read()
    assert world.requests == 2


async def test_a_clock_that_was_set_back_makes_nothing_younger() -> None:
    world = World()
    world.says(cache_control="max-age=60")
    await world.read()
    world.now -= 1_000_000
    await world.read()
    assert world.requests == 2


async def test_the_operator_can_require_revalidation() -> None:
    world = World(http_cache_max_age=0)
    world.says(cache_control="max-age=60", etag='"a"')
    await world.read()
    world.status = 304
    assert await world.read() == b"<html>first"
    assert world.sent_conditions == [{}, {"if-none-match": '"a"'}]


async def test_a_stale_response_is_revalidated_with_its_validators() -> None:
    world = World()
    modified = "Mon, 01 Jan 2001 00:00:00 GMT"
    world.says(etag='W/"1"', last_modified=modified)
    await world.read()
    world.status, world.body = 304, b"<html>not sent"
    for _ in range(2):
        assert await world.read() == b"<html>first"
        assert world.sent_conditions[-1] == {
            "if-none-match": 'W/"1"',
            "if-modified-since": modified,
        }


async def test_a_304_updates_the_headers() -> None:
    world = World()
    world.says(cache_control="max-age=10", etag='"1"', date=date(0))
    await world.read()
    world.now, world.status = START + 1_000, 304
    world.says(cache_control="max-age=60", date=date(1_000))
    assert await world.read() == b"<html>first"
    world.now += 59
    assert await world.read() == b"<html>first"
    assert world.requests == 2
    world.now += 1
    world.says()
    await world.read()
    world.now += 59
    await world.read()
    assert world.sent_conditions == [{}, {"if-none-match": '"1"'}, {"if-none-match": '"1"'}]


async def test_a_document_that_has_changed_takes_the_place_of_the_old() -> None:
    world = World()
    world.says(etag='"1"')
    await world.read()
    world.says(etag='"2"')
    world.body = b"<html>second"
    assert await world.read() == b"<html>second"
    world.status = 304
    assert await world.read() == b"<html>second"
    assert world.sent_conditions[-1] == {"if-none-match": '"2"'}


@pytest.mark.parametrize(
    ("first", "then", "asked_again"),
    [
        ({"etag": '"1"'}, {"etag": '"2"'}, True),
        ({"etag": '"1"'}, {"etag": 'W/"1"'}, False),
        ({"etag": '"1"'}, {"last_modified": date(0)}, False),
        ({"last_modified": date(0)}, {"last_modified": date(5)}, True),
        ({"last_modified": date(0)}, {}, False),
        (
            {"etag": '"1"', "last_modified": date(0)},
            {"etag": '"1"', "last_modified": date(9)},
            False,
        ),
    ],
)
async def test_a_304_about_another_document_is_not_believed(
    first: dict[str, str], then: dict[str, str], asked_again: bool
) -> None:
    world = World()
    world.says(**first)
    await world.read()
    world.status, world.body = 304, b"<html>second"
    world.says(**then)
    assert await world.read() == (b"<html>second" if asked_again else b"<html>first")
    assert world.sent_conditions[2:] == ([{}] if asked_again else [])


async def test_a_response_that_becomes_unstorable_is_removed() -> None:
    world = World()
    world.says(etag='"1"')
    await world.read()
    world.says(cache_control="no-store", etag='"2"')
    await world.read()
    await world.read()
    assert world.sent_conditions == [{}, {"if-none-match": '"1"'}, {}]


@pytest.mark.parametrize("status", [201, 203, 206])
async def test_only_a_200_is_stored(status: int) -> None:
    world = World()
    world.status = status
    world.says(cache_control="max-age=60")
    await world.read()
    assert world.shelf.values == {}


async def test_a_redirect_is_not_stored() -> None:
    world = World()
    world.status, world.location = 301, "/b"
    world.says(cache_control="max-age=60")
    assert await world.read() == "/b"
    assert world.shelf.values == {}


async def test_a_failure_leaves_the_stored_response() -> None:
    world = World()
    world.says(etag='"1"')
    await world.read()
    cache = HttpCache(world.shelf, fetch_policy(world.settings), clock=lambda: world.now)

    async def fail(conditional_headers: Mapping[str, str]) -> SiteResponse:
        raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404 Not Found.")

    with pytest.raises(PermanentFailure):
        await cache.get(parse_target(URL), WANTED, fail)
    world.status = 304
    assert await world.read() == b"<html>first"


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://news.example/a"},
        {"url": "http://news.example/a?b"},
        {"url": "http://news.example/A"},
        {"url": "http://news.example:8080/a"},
        {"policy": document_policy(1_000)},
    ],
)
async def test_each_document_has_its_own_entry(other: dict[str, object]) -> None:
    world = World()
    world.says(cache_control="max-age=60")
    await world.read()
    await world.read(**other)  # type: ignore[arg-type]
    assert world.requests == 2


async def test_a_fragment_makes_no_difference() -> None:
    world = World()
    world.says(cache_control="max-age=60")
    await world.read()
    await world.read(URL + "#part")
    assert world.requests == 1


@pytest.mark.parametrize(
    "other",
    [
        {"allow_private_addresses": True},
        {"egress_proxy": "http://proxy.example:3128"},
        {"user_agent": "other/1.0"},
    ],
)
async def test_a_fetcher_with_another_policy_does_not_share_the_entry(
    other: dict[str, object],
) -> None:
    world = World()
    world.says(cache_control="max-age=60")
    await world.read()
    world.settings = replace(world.settings, **other)
    await world.read()
    assert world.requests == 2


async def test_a_stored_response_is_checked_like_a_live_one() -> None:
    world = World()
    world.says(cache_control="max-age=60", etag='"1"')
    await world.read()
    await world.read(policy=page_policy(5))
    assert world.sent_conditions == [{}, {}]


@pytest.mark.parametrize("rubbish", [b"", b"x", b"\xff" * 50, b"\x90", b"\x95\x01\x02\x03\x04\x05"])
async def test_invalid_bytes_in_the_store_are_a_miss(rubbish: bytes) -> None:
    world = World()
    world.says(cache_control="max-age=60")
    await world.read()
    world.shelf.values = dict.fromkeys(world.shelf.values, rubbish)
    assert await world.read() == b"<html>first"
    assert world.sent_conditions == [{}, {}]
