"""Heads of responses as servers write them, and what a strict parser reads of them."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.fetch.heads import MAX_HEAD_BYTES, HeadMender

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"<p>body</p>\r\n\r\n<p>more</p>"


def read(answer: bytes, size: int = 65_536) -> tuple[dict[str, str], bytes]:
    """The headers and the body that h11 reads, from an answer that comes in pieces of this size."""
    mender = HeadMender()
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "a.example")]))
    connection.send(h11.EndOfMessage())
    mender.request_sent()
    for start in range(0, len(answer), size):
        if passed_on := mender.feed(answer[start : start + size]):
            connection.receive_data(passed_on)
    if rest := mender.flush():
        connection.receive_data(rest)
    connection.receive_data(b"")
    headers: dict[str, str] = {}
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += event.data
    return headers, body


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize(
    "line",
    [
        b"PHP Warning: Cannot modify header information",
        b"Warning in /var/www/x.php",
        b"X-Name : value",
        b": no name",
        b" a continuation of nothing",
        b"X-Control: a\x00b\x0bc\x7f",
        b"X-\xe9: accent",
        b"Content-Length:",
        b"Content-Length: -1",
        b"Content-Length: many",
        b"Transfer-Encoding: identity",
        b"X-Empty:",
        b"@!#",
        b"",  # an empty line ends the head
    ],
)
def test_an_odd_line_costs_only_itself(line: bytes, size: int) -> None:
    headers, body = read(OK + line + b"\r\nContent-Type: text/html\r\n\r\n" + BODY, size)
    if line:
        assert headers["content-type"] == "text/html"
        assert body == BODY
    else:
        assert headers == {}


@pytest.mark.parametrize(
    "status_line",
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 200",
        b"HTTP/1.1  200  fine",
        b"HTTP/1.1 200 \x00\x0b",
        b"HTTP/1 200 OK",
        b"HTTP/2 200",
        b"\r\n\r\nHTTP/1.1 200 OK",
    ],
)
def test_odd_status_lines(status_line: bytes) -> None:
    headers, body = read(status_line + b"\r\nA: b\r\n\r\n" + BODY)
    assert (headers, body) == ({"a": "b"}, BODY)


def test_lines_that_end_without_a_carriage_return() -> None:
    assert read(b"HTTP/1.1 200 OK\nA: b\nC: d\n\n" + BODY) == ({"a": "b", "c": "d"}, BODY)


def test_a_continued_line_is_one() -> None:
    assert read(OK + b"A: b\r\n\tc\r\n\r\n")[0] == {"a": "b c"}


def test_what_is_said_twice_is_said_once() -> None:
    twice = b"Transfer-Encoding: chunked\r\n" * 2
    assert read(OK + twice + b"\r\n3\r\nabc\r\n0\r\n\r\n")[1] == b"abc"


def test_informational_responses_come_before_the_real_one() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nBad line\r\n\r\n"
    assert read(early * 3 + OK + b"Worse line\r\nA: b\r\n\r\n" + BODY, 5) == ({"a": "b"}, BODY)


def test_informational_responses_are_left_out() -> None:
    mender = HeadMender()
    mender.request_sent()
    assert mender.feed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1_000) == b""
    assert mender.feed(OK + b"\r\n") == b"HTTP/1.1 200\r\n\r\n"


def test_the_next_response_of_a_connection_is_mended_too() -> None:
    mender = HeadMender()
    answer = OK + b"Bad line\r\nContent-Length: 2\r\n\r\nab"
    for _ in range(2):
        mender.request_sent()
        assert mender.feed(answer) == b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab"
        assert mender.feed(b"Bad line\r\n\r\n") == b"Bad line\r\n\r\n"


@given(st.binary(max_size=200), st.integers(1, 50))
def test_what_is_not_http1_passes_unchanged(data: bytes, size: int) -> None:
    """As HTTP/2 does, whose first byte is never the H of a status line."""
    data = b"\x00\x00\x12\x04" + data
    mender = HeadMender()
    mender.request_sent()
    passed_on = b"".join(mender.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert passed_on + mender.flush() == data
    mender.request_sent()
    assert mender.feed(b"HTTP/1.1 200 OK\r\nBad line\r\n") == b"HTTP/1.1 200 OK\r\nBad line\r\n"


def test_a_head_without_end_is_not_kept() -> None:
    mender = HeadMender()
    mender.request_sent()
    flood = OK + b"a: b\r\n" * MAX_HEAD_BYTES
    assert mender.feed(flood) == flood
    assert mender.feed(b"more") == b"more"
