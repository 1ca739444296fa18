"""The title and the author of a page, from its meta elements, its JSON-LD or its markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from lxml.etree import _Element
from trafilatura.json_metadata import normalize_authors
from trafilatura.metadata import extract_author, extract_title

from nlp.extraction.linked_data import LinkedArticle

MAX_TITLE_CHARS = 500
MAX_AUTHOR_CHARS = 200

_TITLE_NAMES = (
    "og:title", "twitter:title", "citation_title", "dc.title", "dcterms.title", "headline",
    "parsely-title", "sailthru.title", "title",
)  # fmt: skip
_AUTHOR_NAMES = (
    "author", "article:author", "og:author", "og:article:author", "byl", "citation_author",
    "creator", "dc.creator", "dcterms.creator", "parsely-author", "sailthru.author",
)  # fmt: skip
_SEPARATORS = ("|", "-", "–", "—", ":", "·", "»")
_TAG = re.compile(r"<[^<>]{0,200}>")


def meta_contents(tree: _Element) -> dict[str, list[str]]:
    """The meta elements of `tree`: lower-case property, name or itemprop → contents."""
    contents: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        content = one_line(meta.get("content"), MAX_TITLE_CHARS)
        if name and content:
            contents.setdefault(name[:100].strip().lower(), []).append(content)
    return contents


def title_of(tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle) -> str | None:
    """The title: from a meta element, from JSON-LD, or from the headings by trafilatura.

    The name of the site at its end is cut off where a meta element gives that name.
    """
    for value in (*_values(metas, _TITLE_NAMES), linked.headline):
        if title := one_line(value, MAX_TITLE_CHARS):
            return _without_site(title, metas)
    return one_line(extract_title(tree), MAX_TITLE_CHARS)


def _without_site(title: str, metas: dict[str, list[str]]) -> str:
    for site in metas.get("og:site_name", ()):
        rest = title.removesuffix(site).rstrip()
        if title.endswith(site) and rest.endswith(_SEPARATORS):
            return rest.rstrip("".join(_SEPARATORS) + " ") or title
    return title


def author_of(tree: _Element, metas: dict[str, list[str]], linked: LinkedArticle) -> str | None:
    """The author, or several joined by "; ", cleaned by trafilatura's rules.

    From JSON-LD, else from meta elements (a single word there is a login rather than a name), else
    from the markup of the byline.
    """
    if author := _cleaned(linked.authors):
        return author
    author = _cleaned(_values(metas, _AUTHOR_NAMES))
    if author and " " in author:
        return author
    return one_line(extract_author(tree), MAX_AUTHOR_CHARS)


def one_line(value: str | None, limit: int) -> str | None:
    """`value` unescaped, white space folded, cut to `limit` characters; None where it is empty."""
    return " ".join(unescape((value or "")[: 4 * limit]).split())[:limit].strip() or None


def _values(metas: dict[str, list[str]], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield from metas.get(name, ())


def _cleaned(names: Iterator[str] | tuple[str, ...]) -> str | None:
    author: str | None = None
    for name in names:
        author = normalize_authors(author, _TAG.sub("", name[:MAX_AUTHOR_CHARS]))
    return one_line(author, MAX_AUTHOR_CHARS)
