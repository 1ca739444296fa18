"""Entity tags."""

from __future__ import annotations

import pytest

from app.http.negotiation import matches, strong_etag

ETAG = strong_etag(b"{}")


def test_an_etag_depends_on_the_bytes() -> None:
    assert strong_etag(b"{}") == ETAG
    assert strong_etag(b"{ }") != ETAG
    assert ETAG.startswith('"')


@pytest.mark.parametrize(
    "given", [ETAG, f"W/{ETAG}", f'"a", W/"b",{ETAG}', " * ", f'"a,b", {ETAG}']
)
def test_matching_etags(given: str) -> None:
    assert matches(given, ETAG)


@pytest.mark.parametrize("given", [None, "", '"a"', ETAG.strip('"'), f'"{ETAG}', '"*"'])
def test_other_etags(given: str | None) -> None:
    assert not matches(given, ETAG)
