"""Lines of a page that only point elsewhere: headlines of others, cards, the title again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from lxml.etree import XPath, _Element, iterwalk, strip_elements
from trafilatura import bare_extraction
from trafilatura.settings import Document

from nlp.extraction.linked_data import LinkedArticle
from nlp.extraction.markup import MAX_TREE_CHARS, has_many_elements, line, parse
from nlp.urls import registrable_domain

MIN_HEADLINE_WORDS = 4
"""A link of fewer words is part of a text, such as a product, a name or "here"."""

MAX_LABEL_WORDS = 3
"""As in "Related:", "READ MORE:" and "[VIDEO]"."""

MAX_LABEL_CHARS = 400
"""How much of a line is searched for the beginning of a link."""

MAX_TITLE_LINES = 3
"""So many lines at the beginning may repeat the title."""

MIN_KEPT_SHARE = 0.5
"""Where less would be left, the page is a list of links and is left as it is."""

BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
        "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul",
    )
)  # fmt: skip
"""Elements that begin and end a line."""

_WORD = re.compile(r"\w+")
_LABEL_END = re.compile(r"[^\w\s]\s*$")
_SENTENCE_END = re.compile(r"[.!?…。]\W*$")


def plain(text: str) -> str:
    """The lower-case words of `text`: what is left when marks and spaces do not count."""
    return " ".join(_WORD.findall(text)).lower()


def without_teaser_links(lines: list[str], tree: _Element, url: str) -> list[str]:
    """`lines`, the text of the page `tree`, without those that are headlines of other articles.

    Such a line is a link of some words to another page of the same site, and nothing but a label
    beside it. A label on a line of its own goes with the headlines below it.
    """
    pointing = set(_pointing(_suspects(tree, lines), registrable_domain(url)))
    kept = [plain(line) not in pointing for line in lines]
    for at in range(len(lines) - 2, -1, -1):
        kept[at] = kept[at] and (kept[at + 1] or not _is_label(lines[at]))
    left = [line for line, stays in zip(lines, kept, strict=True) if stays]
    return left if sum(map(len, left)) >= MIN_KEPT_SHARE * sum(map(len, lines)) else lines


def without_title(lines: list[str], titles: set[str]) -> list[str]:
    """`lines` without the first ones, where they say one of `titles` again."""
    repeated = 0
    while repeated < min(MAX_TITLE_LINES, len(lines)) and plain(lines[repeated]) in titles:
        repeated += 1
    return lines[repeated:]


def _is_label(line: str) -> bool:
    return len(_WORD.findall(line)) <= MAX_LABEL_WORDS and not _SENTENCE_END.search(line)


def _suspects(tree: _Element, lines: list[str]) -> Iterator[_Element]:
    """The blocks of `tree` with a link that a line of `lines` may consist of, none within another.

    Most links of a page are not in its text, and are told by their first words.
    """
    beginnings = set(_beginnings(lines))
    found: set[_Element] = set()
    for link in tree.iter("a"):
        first = _WORD.findall("".join(link.itertext()).lower())[:MIN_HEADLINE_WORDS]
        if tuple(first) in beginnings:
            blocks = [one for one in link.iterancestors() if one.tag in BLOCKS]
            if blocks and found.isdisjoint(blocks):
                found.add(blocks[0])
                yield blocks[0]


def _beginnings(lines: list[str]) -> Iterator[tuple[str, ...]]:
    for text in lines:
        found = plain(text[:MAX_LABEL_CHARS]).split()
        for at in range(MAX_LABEL_WORDS + 1):
            if len(found) >= at + MIN_HEADLINE_WORDS:
                yield tuple(found[at : at + MIN_HEADLINE_WORDS])


def _pointing(blocks: Iterable[_Element], site: str) -> Iterator[str]:
    """The plain text of each line of `blocks` that points to another page of `site`."""
    for block in blocks:
        line = _Line()
        for event, element in iterwalk(block, events=("start", "end")):
            starts = event == "start"
            if element.tag in BLOCKS:
                if line.points_within(site):
                    yield plain(line.before + line.link + line.after)
                line = _Line()
            elif element.tag == "a":
                line.inside = starts
                line.targets += [element.get("href", "")] if starts else []
            line.add(element.text if starts else element.tail)


class _Line:
    """The text between two ends of line: what is linked, and what stands around it."""

    def __init__(self) -> None:
        self.before, self.link, self.after = "", "", ""
        self.targets: list[str] = []
        self.inside = False

    def add(self, text: str | None) -> None:
        if not text:
            return
        if self.inside:
            self.link += text
        elif self.targets:
            self.after += text
        else:
            self.before += text

    def points_within(self, site: str) -> bool:
        if len(self.targets) != 1 or len(_WORD.findall(self.link)) < MIN_HEADLINE_WORDS:
            return False
        label = _WORD.findall(self.before) + _WORD.findall(self.after)
        return (
            len(label) <= MAX_LABEL_WORDS
            and bool(_LABEL_END.search(self.before) or not self.before.strip())
            and _is_page_of(self.targets[0], site)
        )


def _is_page_of(target: str, site: str) -> bool:
    """Whether `target`, a link's address, is a page of `site` other than its front page."""
    try:
        parts = urlsplit(target.strip())
        host = parts.hostname or site
    except ValueError:
        return False
    return parts.path.strip("/") != "" and (host == site or host.endswith("." + site))


SHORT_CHARS = 600
"""Below this, some 100 words, the first opinion is doubted: it may be a teaser or a menu."""

MANY_TIMES = 2
"""JSON-LD with that many times the text is believed: then the page shows only a beginning."""

MIN_POPUP_LINKS = 3
"""So many links in a sentence without a word between them are a box that opens over it."""

APART = ("footer", "nav", "aside")
"""What is beside the text; trafilatura drops it too, but only from its copies of the tree."""

_QUOTED_POSTS = XPath(
    "//blockquote[contains(@class, 'twitter-tweet') or contains(@class, 'instagram-media')]"
)
_CARDS = XPath("//a[.//p or .//h2 or .//h3 or .//h4 or .//h5 or .//h6 or .//li]")
_NEIGHBOUR_LINKS = XPath("//p//span/a[preceding-sibling::*[1][self::a]]")
_LINE_END = re.compile(r"<(?:/p|/div|/li|/h\d|br)\b[^<>]{0,100}>", re.IGNORECASE)
_TITLE_AND_SITE = re.compile(r"\s[|–—:·»-]{1,2}\s")


def main_text(tree: _Element, url: str, title: str | None, linked: LinkedArticle) -> str:
    """The text of the article that `tree` is, a paragraph a line; empty where there is none.

    `tree` is changed. In this order: quoted posts of social networks are freed from the boxes that
    would be taken for advertisements; cards (a link around a whole paragraph or heading) and boxes
    that open over a sentence are emptied; the text is extracted; JSON-LD stands in where the page
    holds only a beginning; the title at the top and headlines of other articles are dropped.
    """
    _free_quoted_posts(tree)
    _empty_cards(tree)
    titles = set(_titles(tree, title))
    strip_elements(tree, *APART, with_tail=False)
    text = _extracted(tree, url, fast=True)
    if len(text) < SHORT_CHARS and not has_many_elements(tree):
        text = max(text, _extracted(tree, url, fast=False), key=len)
    whole = _without_markup(linked.body)
    if len(whole) > MANY_TIMES * len(text):
        return whole
    lines = [one for one in text.splitlines() if one.strip()]
    lines = without_title(lines, titles)
    return "\n".join(without_teaser_links(lines, tree, url))


def _extracted(tree: _Element, url: str, *, fast: bool) -> str:
    found = bare_extraction(tree, url=url, fast=fast, favor_precision=True, include_comments=False)
    return (found.text or "") if isinstance(found, Document) else ""


def _free_quoted_posts(tree: _Element) -> None:
    for quote in _QUOTED_POSTS(tree):
        box: _Element | None = quote
        while box is not None and box.tag != "body":
            box.attrib.clear()
            if box is not quote:
                box.tag = "div"
            box = _only_around(box)


def _only_around(element: _Element) -> _Element | None:
    """The parent of `element` that holds nothing else."""
    parent = element.getparent()
    if parent is None or len(parent) != 1 or (parent.text or "").strip():
        return None
    return None if (element.tail or "").strip() else parent


def _empty_cards(tree: _Element) -> None:
    for card in _CARDS(tree):
        _empty(card)
    for link in _NEIGHBOUR_LINKS(tree):
        box = link.getparent()
        if box is None or _has_words(box) or len(box.findall("a")) < MIN_POPUP_LINKS:
            continue
        _empty(box)


def _has_words(box: _Element) -> bool:
    """Whether `box` has text that is not in its children."""
    return any(text and text.strip() for text in (box.text, *(child.tail for child in box)))


def _empty(element: _Element) -> None:
    del element[:]
    element.text = None


def _titles(tree: _Element, title: str | None) -> Iterator[str]:
    for named in (title or "", *(line(one) for one in tree.iter("h1", "title"))):
        if named:
            yield plain(named)
            yield plain(_TITLE_AND_SITE.split(named)[0])


def _without_markup(body: str) -> str:
    """The text of an `articleBody`, which may hold markup, a paragraph a line."""
    text = _LINE_END.sub("\n", body[:MAX_TREE_CHARS])
    tree = parse(f"<div>{text}</div>") if "<" in text or "&" in text else None
    if tree is not None:
        text = "".join(tree.itertext())
    lines = (" ".join(one.split()) for one in text.splitlines())
    return "\n".join(filter(None, lines))
