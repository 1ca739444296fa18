"""Answers that may be kept, and what is said to those who have one."""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from tests.sampleweb.reply import Reply

FRESH_HOST = "www.meridianpost.example"
"""It lets its articles be used for FRESH_SECONDS without asking; the other hosts say nothing."""

FRESH_SECONDS = 600


def keepable(reply: Reply, host: str, modified: dt.datetime) -> Reply:
    """The same with validators, and with what the host says about keeping it."""
    headers = {
        "ETag": f'"{hashlib.sha256(reply.body).hexdigest()[:16]}"',
        "Last-Modified": email.utils.format_datetime(modified, usegmt=True),
    }
    if host == FRESH_HOST:
        headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return replace(reply, headers={**reply.headers, **headers})


def unless_known(reply: Reply, asked: Mapping[str, str]) -> Reply:
    """304 for who has this very answer. The request's headers are named in lower case."""
    etag = reply.headers.get("ETag")
    if etag is None or asked.get("if-none-match") != etag:
        return reply
    return replace(reply, status=304, body=b"")
