"""Which URLs are requested, and which are refused before a byte is sent."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import PermanentFailure, Reason
from tasks.fetch.addresses import join_target, origin_of, parse_target

BLOCKED = [
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://0/",
    "http://0300.0250.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[::]/",
    "http://[fe80::1%25eth0]/",
    "http://169.254.169.254/latest",
    "http://[fd00:ec2::254]/",
    "http://10.0.0.1:80/",
    "http://127。0。0。1/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://redis/",
    "http://metadata.google.internal/",
    "http://printer.local/",
    "http://example.com:22/",
    "http://example.com:6379/",
    "https://8.8.8.8:25/",
]

INVALID = [
    *[
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
    ],
    *[
        "http:///",
        "http:example.com",
        "http://a..b/",
        "http://[::1/",
        "http://example.com:0/",
        "http://-%00/",
    ],
    *[
        "http://good@127.0.0.1/",
        "http://user:secret@example.com/",
        "http://a:b:c/",
        "https://.com/",
    ],
    "http://good.example\\@127.0.0.1/",
    "http://example.com:99999/",
    "http://127%2e0.0.1/",
    "http://１２７.0.0.1/",
    "http://exa mple.com/",
    "http://exa\tmple.com/",
    "http://exa\nmple.com/",
    "http://localhost%00.example.com/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 130}com/",
    f"http://example.com/{'a' * 9_000}",
    "",
    "not a url",
]


def reason_of(url: str) -> Reason:
    with pytest.raises(PermanentFailure) as caught:
        parse_target(url)
    return caught.value.reason


@pytest.mark.parametrize("url", BLOCKED)
def test_addresses_that_are_not_for_us_are_blocked(url: str) -> None:
    assert reason_of(url) == Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize("url", INVALID)
def test_malformed_urls_are_invalid(url: str) -> None:
    assert reason_of(url) == Reason.INVALID_URL


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://example.com", "https://example.com"),
        (" http://EXAMPLE.com./a?b=c#d ", "http://example.com/a?b=c"),
        ("https://www.bücher.example/ä", "https://www.xn--bcher-kva.example/%C3%A4"),
        ("http://my_host.example:8080/", "http://my_host.example:8080/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700::1111]/", "http://[2606:4700::1111]/"),
    ],
)
def test_valid_urls_are_requested_in_one_form(url: str, requested: str) -> None:
    assert str(parse_target(url)) == requested


@pytest.mark.parametrize("url", ["http://127.0.0.1:9999/", "http://localhost/", "http://redis:81/"])
def test_private_addresses_can_be_allowed(url: str) -> None:
    assert str(parse_target(url, allow_private=True)) == url


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_failure_with_a_reason(text: str) -> None:
    for url in (text, f"http://{text}/"):
        with suppress(PermanentFailure):
            assert parse_target(url).scheme in ("http", "https")


def test_a_redirect_is_joined_and_checked() -> None:
    base = httpx.URL("https://example.com/a/b")
    assert str(join_target(base, "../c")) == "https://example.com/c"
    assert str(join_target(base, "//other.example/d")) == "https://other.example/d"
    for location in (
        "http://127.0.0.1/",
        "//169.254.169.254/",
        "gopher://example.com/",
        "http://[",
    ):
        with pytest.raises(PermanentFailure):
            join_target(base, location)


def test_the_origin_holds_the_port() -> None:
    assert origin_of(parse_target("http://example.com:8080/a")) == "http://example.com:8080"
    assert origin_of(parse_target("https://example.com:443/a")) == "https://example.com"
