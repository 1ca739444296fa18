"""The authors of a page: who wrote it, as the page declares or shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from lxml.etree import _Element

from nlp.dates import is_month
from nlp.extraction.linked_data import LinkedArticle
from nlp.extraction.markup import short_text
from nlp.extraction.metadata import Metas, one_line

MAX_AUTHOR_CHARS = 200
MAX_AUTHORS = 10
MAX_BYLINES = 100
"""Elements looked at; the byline is among the first."""

MAX_BYLINE_CHARS = 200
"""A longer text is a biography or a whole article."""

MAX_NAME_WORDS = 5
MAX_BOXES = 8
"""Elements around a byline whose names are looked at."""

_META_NAMES = (
    "dc:creator", "dc.creator", "dcterms.creator", "author", "article:author", "og:author",
    "og:article:author", "byl", "citation_author", "creator", "parsely-author", "sailthru.author",
)  # fmt: skip

_BYLINE = re.compile(r"by-?line|author|writer|journalist|posted-?by|zuozhe", re.IGNORECASE)
_NOT_A_BYLINE = re.compile(
    r"username|bio\b|avatar|image|photo|img|social|follow|tweet|title|headline", re.IGNORECASE
)
_NOT_OF_THE_PAGE = re.compile(
    r"comment|respon[ds]|related|recommend|promo|teaser|template|-tpl|most-", re.IGNORECASE
)
_OUTSIDE = frozenset(("nav", "aside", "footer", "form"))

_TAG = re.compile(r"<[^<>]{0,200}>")
_BEFORE = re.compile(
    r"^(?:(?:(?:written|posted|published|reported|story|text|words|article|interview|author|authors)"
    r"\s*:?\s+)?(?:by|from)\b|(?:by|author|authors?|text|words|par|von|por|di|door|av|af|tekst|autor|autora"
    r"|auteur|autore|yazar|автор|текст)\s*[:|]|par|von|por|door|av|作者|記者|记者|文)\s*[:：/]?\s*",
    re.IGNORECASE,
)
_END = re.compile(
    r"\s[|•·—–-]\s|[|•·@]|\d|\b(?:updated|published|posted|view|follow)\b|\b(?:for|at|in) the\b"
    r"|\bis an?\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r",\s*(Jr|Sr|II|III|IV|M\.?D|Ph\.?D|Esq)\b\.?", re.IGNORECASE)
_BETWEEN = re.compile(
    r"\s*[,;、，/]\s*|\s+(?:and|und|et|y|og|och|en|e|i)\s+(?=\S+\s\S)|\s+&\s+(?=\S+\s\S)"
)
_ADDRESS = re.compile(r"https?:|www\.|[\w.+-]+@[\w-]+\.|^@|\.(?:com|org|net)\b", re.IGNORECASE)
_LOGIN = re.compile(r"[a-z0-9._-]+|\w*\d\w*")
_NO_NAME = frozenset((
    "admin", "administrator", "anonymous", "author", "authors", "by", "contributor", "contributors",
    "editor", "editors", "guest", "name", "none", "null", "root", "staff", "test", "undefined",
    "unknown", "user", "username", "webmaster",
))  # fmt: skip
_ROLE = re.compile(
    r"\b(?:staff|editor|writer|reporter|correspondent|journalist|columnist|contributor|senior|chief"
    r"|director|analyst|technologist|professor|fellow|manager|president|founder|ceo|news|desk|team|bureau"
    r"|business|agency|magazine|press|times|post|university)\b",
    re.IGNORECASE,
)


def author_of(tree: _Element, metas: Metas, linked: LinkedArticle) -> str | None:
    """The authors as the page writes their names, joined by "; "; None where it names none.

    From JSON-LD, else from meta elements, else from the byline. A single word ("reuters", "jsmith")
    is believed only where the byline names nobody, and a login never; so are organizations.
    """
    declared = [_names(linked.authors), *(_names(metas.get(name, ())) for name in _META_NAMES)]
    for names in declared:
        if any(_is_full(name) for name in names):
            return _joined(names)
    for byline in _bylines(tree):
        if names := _shown_names(byline):
            return _joined(names)
    rest = (*declared, _names(linked.organizations))
    return next((_joined(names) for names in rest if names), None)


def _joined(names: Iterable[str]) -> str:
    return "; ".join(names)[:MAX_AUTHOR_CHARS]


def _is_full(name: str) -> bool:
    """Whether `name` has several words, or is in a script that writes names without spaces."""
    return " " in name or not name.isascii()


def _names(texts: Iterable[str]) -> list[str]:
    """The names in declared texts, each once however it is capitalised."""
    names: dict[str, str] = {}
    for text in texts:
        for name in _split(_TAG.sub("", text[: 2 * MAX_AUTHOR_CHARS])):
            if not (names and _ROLE.search(name)):
                names.setdefault(name.casefold(), name)
    return list(names.values())[:MAX_AUTHORS]


def _split(text: str) -> Iterator[str]:
    line = one_line(text, MAX_AUTHOR_CHARS) or ""
    if _ADDRESS.search(line):
        return
    line = _SUFFIX.sub(lambda match_: f" {match_[1]}", _BEFORE.sub("", line))
    for part in _BETWEEN.split(line):
        name = part.strip(' .,:;|-–—·•*()[]"“”')
        if part.endswith(".") and re.search(r"\b[A-Z]$", name):
            name += "."
        if name and name.casefold() not in _NO_NAME and not _is_login(name):
            yield name


def _is_login(name: str) -> bool:
    return bool(_LOGIN.fullmatch(name)) and name.isascii()


# The byline


def _bylines(tree: _Element) -> Iterator[str]:
    """The texts of the elements that may be the byline of the page, the surest first."""
    sure: list[str] = []
    likely: list[str] = []
    for element, is_sure in islice(_elements(tree), MAX_BYLINES):
        text = short_text(element, MAX_BYLINE_CHARS)
        if text and _is_of_the_page(element):
            (sure if is_sure else likely).append(text)
    yield from (text for text in likely if _BEFORE.match(text))
    yield from sure
    yield from likely


def _elements(tree: _Element) -> Iterator[tuple[_Element, bool]]:
    """The elements that may hold a byline, and whether they are declared to name the author."""
    for element in tree.iter():
        names = f"{element.get('class') or ''} {element.get('id') or ''}"
        if element.get("rel") == "author" or "author" in (element.get("itemprop") or ""):
            yield element, True
        elif _BYLINE.search(names) and not _NOT_A_BYLINE.search(names):
            yield element, False


def _is_of_the_page(element: _Element) -> bool:
    """Whether `element` is in no comment, teaser or menu."""
    box: _Element | None = element
    for _ in range(MAX_BOXES):
        if box is None or box.tag in ("body", "html"):
            break
        names = f"{box.get('class') or ''} {box.get('id') or ''}"[:MAX_BYLINE_CHARS]
        if box.tag in _OUTSIDE or _NOT_OF_THE_PAGE.search(names):
            return False
        box = box.getparent()
    return True


def _shown_names(text: str) -> list[str]:
    """The names at the beginning of a byline such as "By Ann Lee, staff writer, May 3, 2024"."""
    text = _BEFORE.sub("", text)
    if end := _END.search(text):
        text = text[: end.start()].rstrip(" ,")
        if end.group().isdecimal() and is_month(text.split(" ")[-1]):
            text = text.rpartition(" ")[0]
    names: list[str] = []
    for name in _split(text):
        words = name.split()
        is_name = 1 < len(words) <= MAX_NAME_WORDS or (len(words) == 1 and not name.isascii())
        if not is_name or (names and _ROLE.search(name)) or not _is_capitalised(words):
            break
        names.append(name)
    return names[:MAX_AUTHORS]


def _is_capitalised(words: list[str]) -> bool:
    """Whether the first and the last word could begin and end a name."""
    return all(not word[0].islower() for word in (words[0], words[-1]))
