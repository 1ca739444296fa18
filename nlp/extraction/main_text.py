"""The readable text of a page, without menus, advertisements and teasers of other articles.

Three take the page for their own: trafilatura (Barbaresi, ACL 2021), readability, and the page
itself where it has its text in JSON-LD. A judge decides line by line, by what they agree on and by
what the line and the boxes around it look like (`nlp.extraction.judge`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from urllib.parse import urlsplit

from lxml.etree import XPath, _Element
from trafilatura import bare_extraction
from trafilatura.external import try_readability
from trafilatura.settings import Document

from nlp.extraction.blocks import Line, lines_and_boxes
from nlp.extraction.judge import article_lines
from nlp.extraction.line_features import Features, Reading
from nlp.extraction.linked_data import LinkedArticle
from nlp.extraction.listing import asks_for_consent, lists_articles
from nlp.extraction.markup import MAX_TREE_CHARS, element_text, has_many_elements, parse
from nlp.urls import registrable_domain

MIN_ARTICLE_BODY_RATIO = 2
"""JSON-LD with more than this many times the text is used instead: the page shows only a part."""

MIN_POPUP_LINKS = 3
"""This many links in a span within a paragraph, without a word between them, are a pop-up box."""

MAX_TITLE_LINES = 3
"""At most this many lines at the beginning are dropped for repeating the title."""

MIN_HEADLINE_WORDS = 4
"""A link of fewer words is part of a text, such as a product, a name or "here"."""

MAX_LABEL_WORDS, MAX_LABEL_CHARS = 3, 16
"""As in "Related:", "READ MORE:" and "[VIDEO]"."""

MIN_KEPT_SHARE = 0.5
"""Where less would remain, the page is a list of links and is left as it is."""

LONG_CHARS, REPEATED_CHARS = 2_000, 80
"""A line longer than this is no paragraph; it is a copy if another has its beginning."""

_QUOTED_POSTS = XPath(
    "//blockquote[contains(@class, 'twitter-tweet') or contains(@class, 'instagram-media')]"
)
_CARDS = XPath("//a[.//p or .//h2 or .//h3 or .//h4 or .//h5 or .//h6 or .//li]")
_NOTICES = XPath(
    "//*[self::div or self::section or self::aside or self::dialog or self::form]"
    "[re:test(concat(@id, ' ', @class), 'cookie|consent|gdpr', 'i')]",
    namespaces={"re": "http://exslt.org/regular-expressions"},
)
_TEASERS = XPath(
    "//article//article[contains(@class, 'related') or contains(@class, 'teaser')"
    " or contains(@class, 'promo')]"
)
_ADJACENT_LINKS = XPath("//p//span/a[preceding-sibling::*[1][self::a]]")
_WORD = re.compile(r"\w+")
_LINE_END = re.compile(r"<(?:/p|/div|/li|/h\d|br)\b[^<>]{0,100}>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。]\W*$")
_TITLE_AND_SITE = re.compile(r"\s[|–—:·»-]{1,2}\s")


def main_text(tree: _Element, url: str, title: str | None, linked: LinkedArticle) -> str | None:
    """The text of the article in `tree`, one paragraph a line; empty where there is no text.

    None where the page is no article but a list of articles, or asks for consent. `tree` is
    changed. In this order:

    1. Quoted posts of social networks lose the boxes that would be taken for advertisements; cards,
       pop-up boxes, notices about cookies and teasers within the article are emptied.
    2. The judge takes the lines of the article.
    3. The article body in JSON-LD replaces them where the page shows only a part.
    4. Lines at the top that repeat the title are dropped.
    """
    titles = set(_titles(tree, title))
    declared = without_markup(linked.body)
    lines, features = described_lines(tree, url, title, declared)
    kept = _without_teaser_links(article_lines(lines, features), registrable_domain(url))
    paragraphs = _without_copies([line.text for line in kept])
    text = "\n".join(_without_title(paragraphs, titles))
    if len(declared) > MIN_ARTICLE_BODY_RATIO * len(text):
        return declared
    return None if lists_articles(lines, kept) or asks_for_consent(text) else text


def described_lines(
    tree: _Element, url: str, title: str | None, declared: str
) -> tuple[list[Line], Features | None]:
    """The lines of the page and their features, None where there is no line; changes `tree`.

    `declared` is the text of the article in JSON-LD.
    """
    _unwrap_quoted_posts(tree)
    _empty_cards(tree)
    _empty_popups(tree)
    _empty_notices(tree)
    lines, boxes = lines_and_boxes(tree)
    if not lines:
        return [], None
    texts = {"r": _by_readability(tree), "t": _by_trafilatura(tree, url), "j": declared}
    readings = {name: Reading(text) for name, text in texts.items()}
    return lines, Features(lines, boxes, readings, title or "")


# Preparing the tree


def _unwrap_quoted_posts(tree: _Element) -> None:
    for quote in _QUOTED_POSTS(tree):
        box: _Element | None = quote
        while box is not None and box.tag != "body":
            box.attrib.clear()
            if box is not quote:
                box.tag = "div"
            box = _sole_parent(box)


def _sole_parent(element: _Element) -> _Element | None:
    """The parent of `element` if it holds nothing else."""
    parent = element.getparent()
    if parent is None or len(parent) != 1 or (parent.text or "").strip():
        return None
    return None if (element.tail or "").strip() else parent


def _empty_cards(tree: _Element) -> None:
    """Empty links around a whole paragraph, heading or list item: they lead to other articles."""
    for card in _CARDS(tree):
        _empty(card)


def _empty_popups(tree: _Element) -> None:
    """Empty boxes that open over a sentence, as over the name of a person."""
    for link in _ADJACENT_LINKS(tree):
        box = link.getparent()
        if box is None or _has_own_text(box) or len(box.findall("a")) < MIN_POPUP_LINKS:
            continue
        _empty(box)


def _empty_notices(tree: _Element) -> None:
    """Empty boxes that ask for consent to cookies, and teasers within the article."""
    for box in _NOTICES(tree):
        if next(box.iter("h1", "article"), None) is None:
            _empty(box)
    for teaser in _TEASERS(tree):
        _empty(teaser)


def _has_own_text(box: _Element) -> bool:
    """Whether `box` has text that is not in its children."""
    return any(text and text.strip() for text in (box.text, *(child.tail for child in box)))


def _empty(element: _Element) -> None:
    del element[:]
    element.text = None


# What others take for the article


def _by_trafilatura(tree: _Element, url: str) -> str:
    """Its text by its own rules, without the extractors that it falls back on; changes `tree`."""
    document = bare_extraction(tree, url=url, fast=True, favor_recall=True, include_comments=False)
    return (document.text or "") if isinstance(document, Document) else ""


def _by_readability(tree: _Element) -> str:
    """Its text, by trafilatura's copy of readability-lxml; none of a page of many elements."""
    if has_many_elements(tree):
        return ""
    return " ".join(try_readability(deepcopy(tree)).itertext())


def without_markup(body: str) -> str:
    """The text of an `articleBody`, which may hold markup, one paragraph a line."""
    text = _LINE_END.sub("\n", body[:MAX_TREE_CHARS])
    tree = parse(f"<div>{text}</div>") if "<" in text or "&" in text else None
    if tree is not None:
        text = "".join(tree.itertext())
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))


# The title at the top


def _titles(tree: _Element, title: str | None) -> Iterator[str]:
    """Each title of the page with and without the site's name behind it, normalized."""
    for text in (title or "", *(element_text(heading) for heading in tree.iter("h1", "title"))):
        if text:
            yield _normalized(text)
            yield _normalized(_TITLE_AND_SITE.split(text)[0])


def _without_title(lines: list[str], titles: set[str]) -> list[str]:
    """`lines` without the first ones that repeat one of `titles`."""
    repeated = 0
    while repeated < min(MAX_TITLE_LINES, len(lines)) and _normalized(lines[repeated]) in titles:
        repeated += 1
    return lines[repeated:]


def _normalized(text: str) -> str:
    """The lower-case words of `text`, to compare texts whose punctuation and spaces may differ."""
    return " ".join(_WORD.findall(text)).lower()


def _without_copies(lines: list[str]) -> list[str]:
    """`lines` without those that hold the whole text once more, as some pages do for machines."""
    for line in [line for line in lines if len(line) > LONG_CHARS]:
        others = lines.copy()
        others.remove(line)
        if any(line[:REPEATED_CHARS] in other for other in others):
            lines = others
    return lines


# Headlines of other articles


def _without_teaser_links(lines: list[Line], site: str) -> list[Line]:
    """`lines` without those that are a link of some words to another page of `site`.

    A label may stand beside it ("Related:"); one on a line of its own goes with those below it.
    """
    kept = [not _is_teaser_link(line, site) for line in lines]
    for at in range(len(lines) - 2, -1, -1):
        kept[at] = kept[at] and (kept[at + 1] or not _is_label(lines[at].text))
    remaining = [line for line, is_kept in zip(lines, kept, strict=True) if is_kept]
    chars = sum(len(line.text) for line in remaining)
    is_list_of_links = chars < MIN_KEPT_SHARE * sum(len(line.text) for line in lines)
    return lines if is_list_of_links else remaining


def _is_label(text: str) -> bool:
    return len(_WORD.findall(text)) <= MAX_LABEL_WORDS and not _SENTENCE_END.search(text[-20:])


def _is_teaser_link(line: Line, site: str) -> bool:
    if len(line.targets) != 1 or len(line.text) - line.link_chars > MAX_LABEL_CHARS:
        return False
    is_headline = len(_WORD.findall(line.text)) >= MIN_HEADLINE_WORDS
    return is_headline and _is_page_of(line.targets[0], site)


def _is_page_of(target: str, site: str) -> bool:
    """Whether the address `target` is a page of `site` other than its front page."""
    try:
        parts = urlsplit(target.strip())
        host = parts.hostname or site
    except ValueError:
        return False
    return parts.path.strip("/") != "" and (host == site or host.endswith("." + site))
