"""How long a page of a listing may be."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

LISTED = 200
"""Entries on one page at the most."""

Limit = Annotated[int, QueryParameter(ge=1, le=LISTED, description="Entries on one page.")]
