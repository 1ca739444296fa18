"""What every refusal must look like."""

from __future__ import annotations

from typing import Any

import httpx

LEAKS = ("Traceback", "127.0.0.1", "redis", "Redis", "site-packages", ".py", "msgspec")


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document of this response, which must be one of that kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{name}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == response.request.url.path
    assert not [leak for leak in LEAKS if leak in response.text]
    return document
