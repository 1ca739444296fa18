"""Whether a client would rather have a page or data."""

from __future__ import annotations

from typing import Any

from litestar import Request

HTML = "text/html"


def prefers_page(request: Request[Any, Any, Any], *, otherwise: str) -> bool:
    """Whether `Accept` names HTML before data. `*/*` alone gets data of the type `otherwise`."""
    return request.accept.best_match([otherwise, "application/json", HTML]) == HTML


def prefers_data(request: Request[Any, Any, Any]) -> bool:
    """Whether `Accept` names JSON before HTML. `*/*` alone gets the page."""
    return request.accept.best_match([HTML, "application/json"]) == "application/json"
