"""The title of a page, without the name of its site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lxml.etree import _Element

from nlp.extraction.linked_data import LinkedArticle
from nlp.extraction.markup import element_text
from nlp.extraction.metadata import MAX_TITLE_CHARS, Metas, meta_values, one_line
from nlp.urls import registrable_domain

MAX_HEADINGS = 40
"""Read of a page; the title is among the first."""

MAX_SITE_WORDS = 3
"""How many words may stand beside the name of a site, as in "Echo Politics"."""

MAX_CUTS = 3
"""Parts of a title that are cut off at most."""

MIN_TITLE_WORDS = 3
"""A part of the page's title that no heading repeats is cut off only if this many words remain."""

_TITLE_NAMES = (
    "og:title", "twitter:title", "citation_title", "dc:title", "dc.title", "dcterms.title",
    "headline", "parsely-title", "sailthru.title", "title",
)  # fmt: skip
_SITE_NAMES = ("og:site_name", "application-name", "apple-mobile-web-app-title", "al:ios:app_name")
_BESIDE = frozenset(("nav", "aside", "footer"))

_SEPARATOR = re.compile(
    r"\s+(?:[|\u2013\u2014\u00b7\u2022\u00bb\u00ab:/~-]|::|\|\|)\s+|\s*[|\uff5c]\s*|_(?=\D)"
)
_WORD = re.compile(r"\w+")


def title_of(tree: _Element, metas: Metas, linked: LinkedArticle, url: str) -> str | None:
    """The title, at most MAX_TITLE_CHARS long; None where the page has none.

    The first that a meta element declares and that has a word of what the page shows; else the
    headline in JSON-LD, which may be a description, if the title of the document or a heading
    repeats it; else the title of the document, as far as a heading repeats it; else the first
    heading. The name of the site is cut off at either end, and is no title itself.
    """
    sites = [*_declared(metas, _SITE_NAMES), *linked.sites]
    names = {name for site in sites if (name := _words(site))}
    names.add(registrable_domain(url).split(".")[0])
    headings = list(_headings(tree))
    document = next(_document_titles(tree), "")
    for title in _declared(metas, _TITLE_NAMES):
        rest = _without_site(title, names, headings)
        if _words(rest) and _words(rest) not in names and _is_of_page(rest, document, headings):
            return rest
    for title in linked.headlines:
        if _is_repeated(title, document, headings):
            return one_line(title, MAX_TITLE_CHARS)
    rest = _without_site(document, names, headings)
    if rest == document:
        rest = _without_short_end(document)
    return rest or next(iter((*headings, *linked.headlines)), None)


def _declared(metas: Metas, names: Iterable[str]) -> Iterator[str]:
    lines = (one_line(value, MAX_TITLE_CHARS) for value in meta_values(metas, names))
    return (line for line in lines if line)


def _document_titles(tree: _Element) -> Iterator[str]:
    """The texts of the `title` elements that are not empty."""
    titles = (one_line(element_text(title), MAX_TITLE_CHARS) for title in tree.iter("title"))
    return (title for title in titles if title)


def _headings(tree: _Element) -> Iterator[str]:
    """The texts of the first headings in or above the text, those of the top level first."""
    for tags in (("h1",), ("h2", "h3")):
        for _, heading in zip(range(MAX_HEADINGS), tree.iter(*tags), strict=False):
            text = one_line(element_text(heading), MAX_TITLE_CHARS)
            if text and not any(parent.tag in _BESIDE for parent in heading.iterancestors()):
                yield text


def _words(text: str) -> str:
    """The case-folded words of `text`, to compare texts whose punctuation and spaces differ."""
    return " ".join(_WORD.findall(text.casefold()))


def _is_repeated(title: str, document: str, headings: Sequence[str]) -> bool:
    """Whether the document's title contains `title`, or a heading is it."""
    words = _words(title)
    return _contains(_words(document), words) or any(words == _words(text) for text in headings)


def _is_of_page(title: str, document: str, headings: Sequence[str]) -> bool:
    """Whether `title` shares a word with what the page shows; a title of the site may not."""
    shown = set(_words(" ".join((document, *headings))).split())
    return not document or not shown.isdisjoint(_words(title).split())


def _contains(text: str, part: str) -> bool:
    return bool(part) and f" {part} " in f" {text} "


def _as_heading(document: str, headings: Sequence[str]) -> str | None:
    """The beginning or the end of the document's title that a heading repeats; None if none does.

    A beginning comes before an end, and a longer part before a shorter one.
    """
    words = [_words(heading) for heading in headings]
    cuts = _cuts(document)
    parts = [document, *(document[:start] for start, _ in reversed(cuts))]
    parts += [document[end:] for _, end in cuts]
    return next((part for part in parts if (text := _words(part)) and text in words), None)


def _cuts(title: str) -> list[tuple[int, int]]:
    """The start and end of the separators in `title`; of many, the first and the last."""
    cuts = [match_.span() for match_ in _SEPARATOR.finditer(title)]
    return cuts if len(cuts) <= 2 * MAX_CUTS else [*cuts[:MAX_CUTS], *cuts[-MAX_CUTS:]]


def _without_site(title: str, names: set[str], headings: Sequence[str]) -> str:
    """`title` without the name of the site, and what belongs to it, at either end."""
    for _ in range(MAX_CUTS):
        if heading := _as_heading(title, headings):
            return heading
        rest = _without_one_end(title, names)
        if rest == title:
            break
        title = rest
    return title


def _without_one_end(title: str, names: set[str]) -> str:
    for start, end in _cuts(title)[-1:]:
        if _is_site(_words(title[end:]), names, title[:start]):
            return title[:start]
    for start, end in _cuts(title)[:1]:
        if _is_site(_words(title[:start]), names, title[end:]):
            return title[end:]
    return title


def _without_short_end(title: str) -> str:
    """`title` without its last part, if that is short and no heading says what the title is."""
    cuts = _cuts(title)
    rest = title[: cuts[-1][0]] if cuts else title
    is_short = len(title[len(rest) :].split()) - 1 <= MAX_SITE_WORDS
    return rest if is_short and len(_words(rest).split()) >= MIN_TITLE_WORDS else title


def _is_site(part: str, names: set[str], rest: str) -> bool:
    """Whether `part` is the name of a site, or such a name with few words beside it."""
    if not _words(rest):
        return False
    if part in names or part.replace(" ", "") in names:
        return True
    if len(_words(rest).split()) < MIN_TITLE_WORDS:
        return False
    return any(
        _is_name_with_words(part, name) or _is_name_with_words(name, part) for name in names if name
    )


def _is_name_with_words(text: str, name: str) -> bool:
    return text.startswith(f"{name} ") and len(text[len(name) :].split()) <= MAX_SITE_WORDS
