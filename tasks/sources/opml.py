"""Lists of feeds, as programs for reading feeds export them."""

from __future__ import annotations

import re
from urllib.parse import urljoin
from xml.parsers import expat

_ROOT = re.compile(rb"<opml[\s>]", re.IGNORECASE)


class BrokenList(ValueError):
    """The list cannot be read."""


def is_opml(body: bytes) -> bool:
    """Whether the document calls itself a list of feeds, by its beginning."""
    return _ROOT.search(body[:2_000]) is not None


def feeds_of(body: bytes, base_url: str) -> list[str]:
    """The feeds that the list names at any depth, in order, each once.

    A list with a document type is refused: only there can entities be declared, a few hundred
    bytes of which can stand for gigabytes. Raises BrokenList.
    """
    urls: dict[str, None] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        named = {name.lower(): value for name, value in attributes.items()}
        url = named.get("xmlurl", "").strip()
        if tag.lower() == "outline" and url:
            urls[_joined(base_url, url)] = None

    def refuse(*_: object) -> None:
        raise BrokenList("The list declares a document type, which is not allowed.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise BrokenList("The list is not well-formed XML.") from error
    return list(urls)


def _joined(base_url: str, url: str) -> str:
    try:
        return urljoin(base_url, url)
    except ValueError as error:
        raise BrokenList("The list holds an invalid URL.") from error
