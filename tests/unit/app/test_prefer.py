"""The `Prefer` header (RFC 7240)."""

from __future__ import annotations

import pytest

from app.http.negotiation import parse_wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["wait=10"], 10),
        (["respond-async, WAIT = 10"], 10),
        (['wait="10"; foo="a, b"'], 10),
        (["respond-async", "wait=10"], 10),
        (["wait=10, wait=20"], 10),
        (['foo="a, wait=5", wait=7'], 7),
        (['foo="a \\" , wait=5", wait=7'], 7),
        (["foo; bar=1, wait=7"], 7),
        (["wait=0"], 0),
        (["wait=999999999999999999999"], 60),
    ],
)
def test_a_wait(headers: list[str], seconds: int) -> None:
    assert parse_wait(headers) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "",
        'foo="a, wait=5"',
        'foo="a, wait=5',
        "wait=abc, wait=5",
        "wait, wait=5",
        "waiting=5",
        'wait="5',
        "wait=٥",
        "," * 100_000,
        '"' * 100_001,
    ],
)
def test_no_wait(header: str) -> None:
    assert parse_wait([header]) is None
