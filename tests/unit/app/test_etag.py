"""Entity tags."""

from __future__ import annotations

import pytest

from app.http.negotiation import entity_tag, matches

ETAG = entity_tag(b"{}")
STRONG = ETAG.removeprefix("W/")


def test_an_etag_depends_on_the_bytes() -> None:
    assert entity_tag(b"{}") == ETAG
    assert entity_tag(b"{ }") != ETAG
    assert ETAG.startswith('W/"')


@pytest.mark.parametrize("given", [ETAG, STRONG, f'"a", W/"b",{ETAG}', " * ", f'"a,b", {STRONG}'])
def test_matching_etags(given: str) -> None:
    assert matches(given, ETAG)


@pytest.mark.parametrize("given", [None, "", '"a"', STRONG.strip('"'), f'"{STRONG}', '"*"'])
def test_other_etags(given: str | None) -> None:
    assert not matches(given, ETAG)
