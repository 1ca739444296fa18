"""Bodies are decompressed within their bound, however they are cut."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import Reason, StepError
from tasks.fetch.content import (
    PIECE_BYTES,
    Wanted,
    decoder_for,
    read_body,
    wanted_page,
    wanted_robots,
)

MEGABYTE = 1_000_000


class Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = list(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.pieces:
            yield self.pieces.pop(0)


def answer(pieces: Sequence[bytes], encoding: str | None = None) -> httpx.Response:
    headers = {"content-encoding": encoding} if encoding else {}
    return httpx.Response(200, headers=headers, stream=Pieces(pieces))


async def reason_of(response: httpx.Response, wanted: Wanted | None = None) -> Reason:
    with pytest.raises(StepError) as caught:
        await read_body(response, wanted or wanted_page(MEGABYTE))
    return caught.value.reason


def raw_deflate(body: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(body) + coder.flush()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE ": raw_deflate,
    "identity": bytes,
}


@given(
    st.binary(max_size=300),
    st.sampled_from(sorted(FORMS)),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_the_way_a_body_is_cut_does_not_matter(body: bytes, form: str, cuts: list[int]) -> None:
    sent = FORMS[form](body)
    edges = [0, *sorted(cuts), len(sent)]
    pieces = [sent[start:end] for start, end in itertools.pairwise(edges)]
    decoder = decoder_for(form)
    assert b"".join(out for piece in pieces for out in decoder.decode(piece)) == body
    assert decoder.finished


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_give_a_body_or_an_error_that_is_expected(body: bytes, encoding: str) -> None:
    try:
        for piece in decoder_for(encoding).decode(body):
            assert piece
    except zlib.error:
        pass


async def test_a_gzip_bomb_takes_no_more_than_the_bound() -> None:
    bomb = gzip.compress(bytes(50 * MEGABYTE))
    assert len(bomb) < 60_000
    tracemalloc.start()
    try:
        assert await reason_of(answer([bomb], "gzip")) == Reason.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MEGABYTE


def test_no_piece_is_larger_than_promised() -> None:
    pieces = list(decoder_for("gzip").decode(gzip.compress(bytes(MEGABYTE))))
    assert max(map(len, pieces)) <= PIECE_BYTES


async def test_a_body_may_be_as_long_as_the_bound_and_no_longer() -> None:
    assert len(await read_body(answer([bytes(MEGABYTE)]), wanted_page(MEGABYTE))) == MEGABYTE
    assert await reason_of(answer([bytes(MEGABYTE), b"x"])) == Reason.TOO_LARGE


async def test_reading_stops_at_the_bound() -> None:
    stream = Pieces([bytes(MEGABYTE)] * 10)
    assert await reason_of(httpx.Response(200, stream=stream)) == Reason.TOO_LARGE
    assert len(stream.pieces) == 8


async def test_bytes_behind_the_end_of_a_compressed_body_are_bounded_too() -> None:
    stream = Pieces([gzip.compress(b"short"), *[bytes(MEGABYTE)] * 10])
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream)
    assert await reason_of(response) == Reason.TOO_LARGE
    assert len(stream.pieces) == 9


async def test_robots_txt_is_cut_at_the_bound() -> None:
    wanted = wanted_robots()
    body = await read_body(answer([bytes(wanted.max_bytes)] * 2), wanted)
    assert len(body) == wanted.max_bytes


async def test_a_compressed_body_that_ends_early_may_be_whole_next_time() -> None:
    half = gzip.compress(b"a story" * 1_000)[:-12]
    assert await reason_of(answer([half], "gzip")) == Reason.CONNECTION_FAILED


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 100])
async def test_an_encoding_that_we_did_not_ask_for(encoding: str) -> None:
    assert await reason_of(answer([b"abc"], encoding)) == Reason.UNSUPPORTED_CONTENT


async def test_a_body_that_is_not_compressed_as_it_says() -> None:
    assert await reason_of(answer([b"<html>plain"], "gzip")) == Reason.UNSUPPORTED_CONTENT
