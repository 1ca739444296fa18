"""What an answer's headers say about keeping it."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.fetch.cache_headers import (
    MAX_DELTA_SECONDS,
    CacheControl,
    conditional_headers,
    freshness_lifetime,
    is_storable,
    parse_cache_control,
    parse_cache_headers,
    parse_date,
)

NOW = 1_800_000_000.0
LATER = "Fri, 15 Jan 2027 09:00:00 GMT"  # an hour after NOW


@pytest.mark.parametrize(
    ("value", "control"),
    [
        ("max-age=60", CacheControl(max_age=60)),
        ("public, MAX-AGE = 60 ,, immutable", CacheControl(max_age=60)),
        ('max-age="60"', CacheControl(max_age=60)),
        ("max-age=60, s-maxage=31536000", CacheControl(max_age=60)),
        ("s-maxage=30, max-age=60", CacheControl(max_age=30)),
        ("s-maxage=30", CacheControl(max_age=30)),
        ("max-age=60, max-age=5", CacheControl(max_age=5)),
        ("max-age=99999999999999999999999", CacheControl(max_age=MAX_DELTA_SECONDS)),
        ("max-age=" + "9" * 1_900, CacheControl(max_age=MAX_DELTA_SECONDS)),
        ("max-age=-1", CacheControl(max_age=0)),
        ("max-age=3600.5", CacheControl(max_age=0)),
        ("max-age=٣٦", CacheControl(max_age=0)),
        ("max-age", CacheControl(max_age=0)),
        ("max-age=", CacheControl(max_age=0)),
        ("no-store, max-age=60", CacheControl(forbids_storing=True, max_age=60)),
        ("no-store, must-understand", CacheControl(forbids_storing=True)),
        ("private", CacheControl(forbids_storing=True)),
        ('private="set-cookie"', CacheControl(forbids_storing=True)),
        ("no-cache", CacheControl(no_cache=True)),
        ('no-cache="set-cookie", max-age=9', CacheControl(no_cache=True, max_age=9)),
        ('no-cache="broken, max-age=9', CacheControl(no_cache=True, max_age=9)),
        ('x="no-store, private", max-age=9', CacheControl(max_age=9)),
        ("must-revalidate; max-age=9", CacheControl(max_age=9)),
        ("", CacheControl()),
        ("=;,\"'\\", CacheControl()),
        ("max-age=60," + "x" * 2_000, CacheControl(forbids_storing=True)),
    ],
)
def test_cache_control(value: str, control: CacheControl) -> None:
    assert parse_cache_control(value) == control


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 0),
        ([("cache-control", "max-age=60"), ("expires", LATER)], 60),
        ([("cache-control", "max-age=60"), ("cache-control", "max-age=5")], 5),
        ([("cache-control", "max-age=0"), ("expires", LATER)], 0),
        ([("cache-control", "public"), ("expires", LATER)], 3600),
        ([("expires", LATER), ("date", "Fri, 15 Jan 2027 08:59:00 GMT")], 60),
        ([("expires", LATER), ("date", "Fri, 15 Jan 2027 09:59:00 GMT")], 0),
        ([("expires", LATER), ("date", "soon")], 3600),
        ([("expires", "Friday, 15-Jan-27 09:00:00 GMT")], 3600),
        ([("expires", "Fri Jan 15 09:00:00 2027")], 3600),
        ([("expires", "0")], 0),
        ([("expires", "-1")], 0),
        ([("expires", "")], 0),
        ([("expires", LATER), ("expires", LATER)], 3600),
        ([("expires", LATER), ("expires", "Fri, 15 Jan 2100 09:00:00 GMT")], 0),
        ([("expires", "Mon, 01 Jan 0001 00:00:00 GMT")], 0),
        ([("expires", "Fri, 15 Jan 99999 09:00:00 GMT")], 0),
        ([("last-modified", "Mon, 01 Jan 2001 00:00:00 GMT")], 0),
    ],
)
def test_the_freshness_lifetime(headers: list[tuple[str, str]], seconds: float) -> None:
    assert freshness_lifetime(parse_cache_headers(httpx.Headers(headers)), NOW) == seconds


def test_a_date_in_the_year_9999_is_far_away() -> None:
    cache_headers = parse_cache_headers(httpx.Headers({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}))
    assert freshness_lifetime(cache_headers, NOW) > 7_000 * 365 * 86_400


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"cache-control": "max-age=60"}, True),
        ({"cache-control": "max-age=60", "vary": "Accept, Cookie"}, True),
        ({"cache-control": "max-age=60", "vary": "accept, *"}, False),
        ({"cache-control": "max-age=60, private"}, False),
        ({"cache-control": "no-store", "etag": '"a"'}, False),
        ({"cache-control": "no-cache, max-age=60"}, False),
        ({"cache-control": "no-cache", "etag": '"a"'}, True),
        ({"etag": 'W/"a"'}, True),
        ({"last-modified": "Mon, 01 Jan 2001 00:00:00 GMT"}, True),
        ({"cache-control": "max-age=0"}, False),
        ({"expires": "0"}, False),
        ({"expires": LATER}, True),
        ({}, False),
        ({"pragma": "no-cache"}, False),
    ],
)
def test_which_responses_are_storable(headers: dict[str, str], kept: bool) -> None:
    assert is_storable(parse_cache_headers(httpx.Headers(headers)), NOW) is kept


@pytest.mark.parametrize("etag", ['"a"', 'W/"a"', '""', '"a,b*\'"', '"' + "x" * 500 + '"'])
def test_a_validator_goes_back_word_for_word(etag: str) -> None:
    assert conditional_headers(parse_cache_headers(httpx.Headers({"etag": etag}))) == {
        "if-none-match": etag
    }


@pytest.mark.parametrize(
    "headers",
    [
        [(b"etag", b"*")],
        [(b"etag", b"bare")],
        [(b"etag", b'"a", "b"')],
        [(b"etag", b'w/"a"')],
        [(b"etag", b'"a b"')],
        [(b"etag", b'"caf\xe9"')],
        [(b"etag", b'"\xff\xfe"')],
        [(b"etag", b'"a"\x00')],
        [(b"etag", b'"' + b"x" * 501 + b'"')],
        [(b"etag", b'"a"'), (b"etag", b'"b"')],
        [(b"last-modified", b"yesterday")],
        [(b"last-modified", b"Mon, 01 Jan 2001 00:00:00 +0100")],
        [(b"last-modified", b"Mon, 01 Jan 2001 00:00:00 GMT, *")],
        [
            (b"last-modified", b"Mon, 01 Jan 2001 00:00:00 GMT"),
            (b"last-modified", b"Mon, 01 Jan 2002 00:00:00 GMT"),
        ],
    ],
)
def test_a_validator_of_another_form_is_none(headers: list[tuple[bytes, bytes]]) -> None:
    assert conditional_headers(parse_cache_headers(httpx.Headers(headers))) == {}


FIELDS = st.sampled_from(
    ["cache-control", "expires", "date", "age", "etag", "last-modified", "vary"]
)
PIECES = st.sampled_from(
    [b"max-age=", b"no-cache", b'"', b"\\", b",", b"=", b" ", b"*", b"W/", b"Mon, 01 Jan ", b"9999"]
)
VALUES = st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join)


@given(st.lists(st.tuples(FIELDS.map(str.encode), VALUES), max_size=6))
def test_no_header_does_harm(headers: list[tuple[bytes, bytes]]) -> None:
    cache_headers = parse_cache_headers(httpx.Headers(headers))
    assert freshness_lifetime(cache_headers, NOW) >= 0
    request = httpx.Request("GET", "http://a.example/", headers=conditional_headers(cache_headers))
    assert all(value.isascii() and value.isprintable() for value in request.headers.values())


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert parse_date(text) is None or isinstance(parse_date(text), float)
