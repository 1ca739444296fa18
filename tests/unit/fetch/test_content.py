"""Bodies are decompressed within their bound, however they are cut."""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Sequence

import brotli
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import Reason, StepError
from tasks.fetch.content import ContentPolicy, page_policy, read_body, robots_policy
from tasks.fetch.decompression import CHUNK_BYTES, decoder_for

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


async def reason_of(response: httpx.Response, policy: ContentPolicy | None = None) -> Reason:
    with pytest.raises(StepError) as caught:
        await read_body(response, policy or page_policy(MEGABYTE))
    return caught.value.reason


def raw_deflate(body: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(body) + coder.flush()


def cut(body: bytes, size: int) -> list[bytes]:
    """The body in pieces of this size."""
    return [body[start : start + size] for start in range(0, len(body), size)]


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE ": raw_deflate,
    "br": brotli.compress,
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


async def test_the_output_that_zlib_holds_at_the_end_of_its_input_is_read() -> None:
    """Of raw deflate, which has no trailer: this body lost its end, and was fetched again."""
    for size in range(2 * CHUNK_BYTES - 2, 2 * CHUNK_BYTES + 260, 3):
        body = b"x" * size
        sent = raw_deflate(body)
        assert await read_body(answer([sent], "deflate"), page_policy(MEGABYTE)) == body
        assert await read_body(answer(cut(sent, 1), "deflate"), page_policy(MEGABYTE)) == body


async def test_the_output_that_zlib_holds_at_the_end_is_bounded_too() -> None:
    bomb = raw_deflate(bytes(50 * MEGABYTE))
    assert await reason_of(answer([bomb], "deflate")) == Reason.TOO_LARGE


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.integers(1, 40))
def test_the_members_of_a_gzip_body_are_joined(parts: list[bytes], size: int) -> None:
    decoder = decoder_for("gzip")
    pieces = cut(b"".join(map(gzip.compress, parts)), size)
    assert b"".join(out for piece in pieces for out in decoder.decode(piece)) == b"".join(parts)
    assert decoder.finished


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    "padding", [b"\0" * 512, b"\x1f", b"rubbish", b"\x1fx" + gzip.compress(b"no")]
)
async def test_bytes_after_the_last_member_are_ignored(padding: bytes, size: int) -> None:
    pieces = cut(gzip.compress(b"a ") + gzip.compress(b"story") + padding, size)
    assert await read_body(answer(pieces, "gzip"), page_policy(MEGABYTE)) == b"a story"


async def test_a_truncated_later_member_is_a_transient_failure() -> None:
    sent = gzip.compress(b"a ") + gzip.compress(b"story" * 100)[:-12]
    assert await reason_of(answer([sent], "gzip")) == Reason.CONNECTION_FAILED


async def test_many_members_are_bounded_like_a_single_one() -> None:
    members = gzip.compress(bytes(MEGABYTE // 2)) * 3
    assert await reason_of(answer([members], "gzip")) == Reason.TOO_LARGE


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
    assert max(map(len, pieces)) <= CHUNK_BYTES


async def test_a_body_may_be_as_long_as_the_bound_and_no_longer() -> None:
    assert len(await read_body(answer([bytes(MEGABYTE)]), page_policy(MEGABYTE))) == MEGABYTE
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
    policy = robots_policy()
    body = await read_body(answer([bytes(policy.max_bytes)] * 2), policy)
    assert len(body) == policy.max_bytes


async def test_a_truncated_compressed_body_is_a_transient_failure() -> None:
    half = gzip.compress(b"a story" * 1_000)[:-12]
    assert await reason_of(answer([half], "gzip")) == Reason.CONNECTION_FAILED


@pytest.mark.parametrize("encoding", ["compress", "zstd", "gzip, br", "x" * 100])
async def test_an_encoding_that_we_did_not_request(encoding: str) -> None:
    assert await reason_of(answer([b"abc"], encoding)) == Reason.UNSUPPORTED_CONTENT


@pytest.mark.parametrize(
    "encoding", ["none", "None", "identity, none", "utf-8", "UTF-8, binary", ","]
)
async def test_an_encoding_that_is_no_compression(encoding: str) -> None:
    sent = answer([b"<html>", b"plain"], encoding)
    assert await read_body(sent, page_policy(MEGABYTE)) == b"<html>plain"


@pytest.mark.parametrize("encoding", ["gzip, identity", "identity,gzip", "X-GZIP", "utf-8, gzip,"])
async def test_a_compression_among_others_that_are_none(encoding: str) -> None:
    sent = answer([gzip.compress(b"<html>")], encoding)
    assert await read_body(sent, page_policy(MEGABYTE)) == b"<html>"


@pytest.mark.parametrize("size", [1, 3, 100_000])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("text", ["<!DOCTYPE html><p>A story", " \r\n<html>", "\ufeff<html>"])
async def test_a_text_that_is_not_compressed_as_it_says(
    text: str, encoding: str, size: int
) -> None:
    body = (text + " and on" * 2_000).encode()
    sent = answer(cut(body, size), encoding)
    assert await read_body(sent, page_policy(MEGABYTE)) == body


async def test_a_text_that_is_not_compressed_as_it_says_is_bounded_too() -> None:
    sent = answer([b"<html>", b"x" * MEGABYTE], "gzip")
    assert await reason_of(sent) == Reason.TOO_LARGE


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_other_bytes_that_are_not_compressed_as_they_say(encoding: str) -> None:
    assert await reason_of(answer([b"\xff\x00\x01\x02PNG" * 9], encoding)) == (
        Reason.UNSUPPORTED_CONTENT
    )


async def test_a_body_with_a_wrong_checksum() -> None:
    broken = gzip.compress(b"a story" * 1_000)[:-8] + b"checksum"
    assert await reason_of(answer(cut(broken, 100), "gzip")) == Reason.UNSUPPORTED_CONTENT


async def test_a_bomb_of_brotli_is_bounded() -> None:
    bomb = brotli.compress(bytes(20 * MEGABYTE), quality=1)
    tracemalloc.start()
    try:
        assert await reason_of(answer([bomb], "br")) == Reason.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 10 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_plain_text_with_the_label_of_a_compression_is_text(coding: str) -> None:
    text = b"<html><title>A story</title><p>It rained.</p></html>"
    assert await read_body(answer(cut(text, 5), coding), page_policy(MEGABYTE)) == text


def test_a_long_header_of_gzip_is_not_kept() -> None:
    """It was, and copied for each of its pieces: megabytes of a file's name, byte by byte."""
    decoder = decoder_for("gzip")
    tracemalloc.start()
    try:
        assert not list(decoder.decode(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"))
        for _ in range(1_000):
            assert not list(decoder.decode(b"x" * 4_096))
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()
    assert not decoder.finished
