"""Requests with something wrong: in their header, in their body, or both."""

from __future__ import annotations

import random
from collections.abc import Callable

START = b"POST /jobs HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"

HEADERS = (
    b"Accept: text/html;q=1e999",
    b"Accept: */*;q=\xff",
    b"Accept: " + b"text/html," * 3_000,
    b"Origin: http://[",
    b"Origin: null",
    b"Host: evil.example",
    b"Host: [::1",
    b"Host: localhost:x",
    b"Prefer: wait=99999999999999999999",
    b"Prefer: wait=-1",
    b"Prefer: " + b"wait," * 5_000,
    b"Idempotency-Key: " + b"k" * 5_000,
    b"Idempotency-Key: \xff\x00",
    b"If-None-Match: " + b'"x",' * 4_000,
    b"traceparent: 00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Encoding: gzip",
    b"Expect: 100-continue",
    b"Upgrade: h2c",
    b"Upgrade: websocket",
    b"Cookie: " + b"a=b;" * 4_000,
    b"X" * 70_000 + b": y",
    b"X: " + b"y" * 70_000,
    b"X: y\r\n" * 4_000 + b"Z: z",
    b" folded: x",
    b"no colon",
    b": no name",
    b"X-Curator-Proxy-Secret: x",
    b"Sec-Fetch-Site: cross-site",
    b"Range: bytes=0-,0-,0-",
    b"\x00: \x00",
)

TARGETS = (
    b"GET /static/%00",
    b"GET /static/" + b"a" * 5_000,
    b"GET /static/..%2f..%2fetc/passwd",
    b"GET /%ff%fe",
    b"GET //",
    b"GET /jobs?" + b"&".join([b"state=PENDING&type=health_check"] * 400),
    b"GET /jobs?limit=99999999999999999999",
    b"GET /jobs?cursor=%00",
    b"GET /jobs?limit=1&limit=2",
    b"GET /jobs/" + b"x" * 3_000,
    b"GET /jobs/%00/status",
    b"GET /jobs/00000000-0000-7000-8000-000000000000/articles?cursor=1e9",
    b"DELETE /jobs/\xff",
    b"PATCH /jobs",
    b"TRACE /",
    b"OPTIONS *",
    b"CONNECT localhost:80",
    b"GET http://evil.example/jobs",
    b"BREW /",
    b"GET /schedules/%2e%2e",
    b"POST /schedules",
    b"POST /jobs/purge",
    b"POST /jobs/cancel?x",
    b"POST /jobs/retry",
    b"POST /workers/%0a/drain",
    b"\x16\x03\x01\x02\x00\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM",
    b"GET /" + b"?" * 60_000,
    b"",
)

BODIES = (
    b"[" * 100_000,
    b'{"type":' * 50_000,
    b'{"type":"batch_analysis","urls":[' + b'"",' * 300_000 + b'""]}',
    b'{"type":"health_check","not_before":"0001-01-01T00:00:00+23:59"}',
    b'{"type":"health_check","type":{}}',
    b'{"type":"health_check","not_before":"2026-02-30T25:61:61+99:99"}',
    b'{"type":"health_check","deadline_seconds":1e999}',
    b'{"type":"health_check","deadline_seconds":%s}' % (b"9" * 10_000),
    b'{"type":"topic_curation","topic":"\\ud800"}',
    b'{"type":"topic_curation","topic":"' + "\u202e\u0000".encode() * 90 + b'"}',
    b'"\xff\xfe"',
    b"nul",
    b"",
    b"\x00" * 1_000,
    b'{"type":"single_analysis","url":"http://[::1"}',
    b'{"type":"single_analysis","url":"http://' + b"a." * 3_900 + b'"}',
    b'{"state":["SUCCESS"],"type":["health_check"],"older_than_seconds":1e308}',
    b'{"limit":1e3}',
    b'{"cursor":"\\u0000"}',
    b'{"state":[' + b'"PENDING",' * 3_000 + b'"PENDING"]}',
    b'{"cron":"' + b"*/1," * 2_000 + b'* * * * *","job":{"type":"health_check"}}',
    b'{"cron":"0 0 30 2 *","job":{"type":"health_check"}}',
    b'{"cron":"* * * * *","time_zone":"../../etc/passwd","job":{"type":"health_check"}}',
    b"x" * 1_100_000,
    b'{"type":"health_check","depends_on":['
    + b'"00000000-0000-7000-8000-000000000000",' * 20_000
    + b'""]}',
)


def broken_request(rng: random.Random, good_body: bytes) -> bytes:
    """One whole request, or what looks like one. The body that is given is right."""
    return rng.choice(WAYS)(rng, good_body)


def _header(rng: random.Random, body: bytes) -> bytes:
    odd = b"\r\n".join(rng.choices(HEADERS, k=rng.randint(1, 3)))
    return _request(START.removesuffix(b" HTTP/1.1\r\n"), body, odd + b"\r\n")


def _target(rng: random.Random, body: bytes) -> bytes:
    return _request(rng.choice(TARGETS), body if rng.random() < 0.5 else b"")


def _body(rng: random.Random, _: bytes) -> bytes:
    paths = (b"/jobs", b"/jobs", b"/schedules", b"/jobs/purge", b"/jobs/cancel", b"/jobs/retry")
    target = b"POST " + rng.choice(paths)
    broken = rng.choice(BODIES)
    return _request(target, broken if b"cancel" not in target else b'{"limit":0}')


def _changed(rng: random.Random, body: bytes) -> bytes:
    """A right request of which some bytes are others, are missing, or are there twice."""
    request = bytearray(_request(b"POST /jobs", body))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(request))
        match rng.randrange(3):
            case 0:
                request[at] = rng.randrange(256)
            case 1:
                del request[at : at + rng.randint(1, 20)]
            case _:
                request[at:at] = request[at : at + rng.randint(1, 20)]
    return bytes(request)


def _cut(rng: random.Random, body: bytes) -> bytes:
    request = _request(b"POST /jobs", body)
    return request[: rng.randrange(len(request))]


def _smuggled(_: random.Random, body: bytes) -> bytes:
    chunks = b"%x\r\n%s\r\n0\r\n\r\nGET /queue HTTP/1.1\r\n\r\n" % (len(body), body)
    length = b"Content-Length: %d\r\n" % len(body)
    return START + HOST + JSON + length + b"Transfer-Encoding: chunked\r\n\r\n" + chunks


def _noise(rng: random.Random, _: bytes) -> bytes:
    return rng.randbytes(rng.choice((10, 1_000, 100_000)))


def _request(target: bytes, body: bytes, headers: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return target + b" HTTP/1.1\r\n" + HOST + JSON + length + headers + b"\r\n" + body


WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _header,
    _header,
    _target,
    _target,
    _body,
    _body,
    _changed,
    _changed,
    _cut,
    _smuggled,
    _noise,
)
