"""What is compressed, and for whom."""

from __future__ import annotations

import gzip

import brotli
import httpx
import pytest

from app.http.compression import MIN_BYTES, is_compressible, preferred_encoding
from tests.web.player import Player

URLS = [f"https://a.example/{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.1", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br; q=0.0, gzip ; q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("brotli, x-gzip", None),
        ("identity", None),
        ("", None),
        ("br;q=..", None),
    ],
)
def test_the_encoding_is_one_that_the_client_takes(accepted: str, encoding: str | None) -> None:
    assert preferred_encoding(accepted) == encoding


@pytest.mark.parametrize(
    ("media_type", "compressible"),
    [
        (b"application/json", True),
        (b"application/problem+json", True),
        (b"text/html; charset=utf-8", True),
        (b"text/event-stream", False),
        (b"text/event-stream; charset=utf-8", False),
        (b"image/png", False),
        (b"application/octet-stream", False),
    ],
)
def test_streams_and_what_is_compressed_already_pass_as_they_are(
    media_type: bytes, compressible: bool
) -> None:
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", media_type)],
    }
    assert is_compressible(start) is compressible  # type: ignore[arg-type]


async def test_a_large_result_is_compressed(web: str, player: Player) -> None:
    async with httpx.AsyncClient(base_url=web) as client:
        body = {"type": "batch_analysis", "urls": URLS}
        job_id = (await client.post("/jobs", json=body)).json()["job_id"]
        await player.discover(job_id, URLS)
        for index, url in enumerate(URLS):
            await player.analyse(job_id, index, url)
        stored = await player.rank(job_id)

        for encoding, decode in (("br", brotli.decompress), ("gzip", gzip.decompress)):
            headers = {"Accept-Encoding": encoding}
            async with client.stream("GET", f"/jobs/{job_id}/result", headers=headers) as response:
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
            assert response.headers["content-encoding"] == encoding
            assert response.headers["vary"] == "Accept-Encoding"
            assert response.headers["content-length"] == str(len(raw))
            assert len(raw) < len(stored) / 3
            assert decode(raw) == stored
            given = headers | {"If-None-Match": response.headers["etag"]}
            again = await client.get(f"/jobs/{job_id}/result", headers=given)
            assert (again.status_code, again.content) == (304, b"")
            assert "content-encoding" not in again.headers

        plain = await client.get(f"/jobs/{job_id}/result", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert (plain.content, plain.headers["vary"]) == (stored, "Accept-Encoding")


async def test_what_is_small_is_not_compressed(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/live", headers={"Accept-Encoding": "br, gzip"})
    assert len(response.content) < MIN_BYTES
    assert "content-encoding" not in response.headers
