"""What the meta elements of a page say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape

from lxml.etree import _Element

MAX_TITLE_CHARS = 500
MAX_NAME_CHARS = 100
MAX_NAMES = 5
"""Read of one meta element, whose property may be a list of several."""

Metas = Mapping[str, Sequence[str]]
"""Lower-case property, name or itemprop → contents."""


def meta_contents(tree: _Element) -> Metas:
    """The meta elements of `tree`."""
    contents: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        names = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        content = one_line(meta.get("content"), MAX_TITLE_CHARS)
        if content:
            for name in names[:MAX_NAME_CHARS].lower().split()[:MAX_NAMES]:
                contents.setdefault(name, []).append(content)
    return contents


def meta_values(metas: Metas, names: Iterable[str]) -> Iterator[str]:
    """The contents under each of `names`, in their order."""
    for name in names:
        yield from metas.get(name, ())


def one_line(value: str | None, limit: int) -> str | None:
    """`value` unescaped, white space folded, cut to `limit` characters; None where it is empty."""
    return " ".join(unescape((value or "")[: 4 * limit]).split())[:limit].strip() or None
