"""What a page tells machines of its article: JSON-LD in the words of schema.org."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.etree import _Element
from msgspec import Struct

MAX_NODES = 500
"""How many objects of one page are looked at; an article with its site and path has some ten."""

MAX_AUTHORS = 10

PUBLISHED = re.compile(r'"datePublished"\s{0,9}:\s{0,9}"([^"]{8,40})"')
"""A publication date wherever it stands, in JSON that is broken or in a script's data."""

_ARTICLE_TYPES = ("Article", "BlogPosting", "Report", "LiveBlogPosting", "Review")
_HOLDERS = ("@graph", "mainEntity", "mainEntityOfPage")


class LinkedArticle(Struct, frozen=True, kw_only=True):
    """An article as its page declares it; each part may be missing, or not be true."""

    headline: str = ""
    authors: tuple[str, ...] = ()
    published: str = ""
    """As written; meant to be ISO 8601."""
    body: str = ""
    """The whole text, where a publisher puts it there; it may hold markup."""


def linked_article(tree: _Element) -> LinkedArticle:
    """The first article that the JSON-LD of `tree` describes; empty where there is none.

    Lists of other articles (`ItemList` and its kin) are not looked into. Where no object is an
    article, the persons are its authors; of broken JSON the first `datePublished` is read.
    """
    nodes: list[dict[str, Any]] = []
    published = ""
    for script in tree.iter("script"):
        if "ld+json" in script.get("type", "").lower() and script.text:
            value = _loaded(script.text)
            nodes.extend(_nodes(value))
            if value is None and (stamp := PUBLISHED.search(script.text)):
                published = published or stamp.group(1)
    article = next(filter(_is_article, nodes), {})
    return _article(article, nodes, published)


def _loaded(text: str) -> Any:
    """The first JSON value of `text`, whatever follows; None where it is broken."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        if isinstance(node, list):
            waiting.extend(node[:MAX_NODES])
        elif isinstance(node, dict):
            yield node
            waiting.extend(node[holder] for holder in _HOLDERS if holder in node)


def _is_article(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    named = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and kind.endswith(_ARTICLE_TYPES) for kind in named)


def _article(node: dict[str, Any], nodes: list[dict[str, Any]], published: str) -> LinkedArticle:
    persons = [one for one in nodes if _is_person(one)]
    return LinkedArticle(
        headline=_text(node.get("headline")),
        authors=tuple(_names(node.get("author", persons), nodes)),
        published=_text(node.get("datePublished")) or published,
        body=_text(node.get("articleBody")),
    )


def _names(value: Any, nodes: list[dict[str, Any]]) -> Iterator[str]:
    for one in (value if isinstance(value, list) else [value])[:MAX_AUTHORS]:
        if isinstance(one, dict):
            name = _text(one.get("name")) or _name_elsewhere(one.get("@id"), nodes)
            if name and _is_person({"@type": "Person", **one}):
                yield name
        elif _text(one):
            yield _text(one)


def _is_person(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    return "Person" in (kinds if isinstance(kinds, list) else [kinds])


def _name_elsewhere(identity: Any, nodes: list[dict[str, Any]]) -> str:
    """The name of the object that is only referred to, as plugins of WordPress do."""
    named = (_text(node.get("name")) for node in nodes if node.get("@id") == identity)
    return next(filter(None, named), "") if identity else ""


def _text(value: Any) -> str:
    """JSON can escape half a surrogate pair, which is no character and cannot be sent on."""
    return value.encode(errors="replace").decode().strip() if isinstance(value, str) else ""
