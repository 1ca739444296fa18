"""Answers that are no results, which any service may give: each form at a host of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.sampleweb.reply import Reply, redirect, text
from tests.sampleweb.services.asked import Asked, json_reply

HUGE_BYTES = 10_000_000
HANGING_SECONDS = 60.0
_PAGE = b"<!doctype html>\n<html><head><title>Bad gateway</title></head><body>Later.</body></html>"
_HALF_JSON = b'{"hits": [{"url": "http://a.example/", "title": "Cut'
_HALF_XML = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Cut'


def address(form: str) -> str:
    """The base URL of a service that always answers in this form."""
    return f"http://{host_of(form)}/{form}"


def host_of(form: str) -> str:
    """Its own, so that a host that wants to be left alone says so for one form only."""
    return f"{form}.forms.sampleweb.example"


def _json(body: bytes) -> Reply:
    return Reply(content_type="application/json", body=body)


_FORMS: Mapping[str, Callable[[], Reply]] = {
    "busy": lambda: text(429, "Rate exceeded.", Retry_After="7"),
    "down": lambda: text(503, "Back soon.", Retry_After="9"),
    "forbidden": lambda: json_reply({"message": "Unauthorized"}, 401),
    "patience": lambda: text(200, "Rate exceeded."),
    "refused": lambda: text(200, "The query is not understood."),
    "page": lambda: Reply(body=_PAGE),
    "nothing": lambda: _json(b""),
    "array": lambda: _json(b"[]"),
    "half-json": lambda: _json(_HALF_JSON),
    "half-xml": lambda: Reply(content_type="application/xml", body=_HALF_XML),
    "deep": lambda: _json(b'{"a":' * 200_000),
    "cut-off": lambda: Reply(content_type="application/json", body=b"{}", promised_bytes=500),
    "huge": lambda: _json(b'{"a": "' + b"x" * HUGE_BYTES + b'"}'),
    "hanging": lambda: Reply(body=b"{}", wait_seconds=HANGING_SECONDS),
    "elsewhere": lambda: redirect("http://echo.sampleweb.example/headers"),
}
FORMS = tuple(_FORMS)


def answer(asked: Asked) -> Reply:
    form = _FORMS.get(asked.path.removeprefix("/"))
    return form() if form else text(404, "Not found.")


def echo(asked: Asked) -> Reply:
    """A host that tells which headers reached it."""
    return json_reply({"status": "error", "message": " ".join(sorted(asked.headers))})
