"""The real pages that quality and speed are measured on, where they are."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from nlp.article import Page

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "article-extraction"


@lru_cache(maxsize=1)
def shared_pages() -> tuple[Page, ...]:
    """In the order of their ids. Raises ClickException where they are not there."""
    if not FOLDER.is_dir():
        raise click.ClickException(f"needs the pages of {FOLDER}, which are not there")
    truth: dict[str, Any] = msgspec.json.decode((FOLDER / "ground-truth.json").read_bytes())
    return tuple(_page(name, truth[name]) for name in sorted(truth))


def _page(name: str, known: dict[str, Any]) -> Page:
    url = known.get("url") or ""
    if urlsplit(url).scheme not in ("http", "https"):
        url = f"https://{name[:12]}.example/article"
    body = gzip.decompress((FOLDER / "html" / f"{name}.html.gz").read_bytes())
    return Page(url=url, body=body, content_type="text/html")
