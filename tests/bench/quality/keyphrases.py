"""Keywords against those that news pages declare, beside three methods that need no model."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nlp.text.idf import idf
from nlp.text.keywords import MAX_KEYWORDS, keywords, noun_phrase_candidates
from nlp.text.stopwords import stopwords
from nlp.text.words import stems, words
from tests.bench.figure import Figure, compared
from tests.bench.quality.described import Described
from tests.bench.quality.rouge import f1

MAX_WORDS = 4
"""Words of the longest declared keyword that counts; longer ones are headings."""

MIN_KEYWORDS = 2
"""A page with fewer declared keywords in its text is left out."""

Phrase = tuple[str, ...]
Method = Callable[[Described], Sequence[str]]


class Score(Struct, frozen=True, kw_only=True):
    """Means over pages, 0-100."""

    phrase_f1: float
    """Of whole keywords, by stems."""
    stem_f1: float
    """Of the stems in all keywords."""
    stem_recall: float


def keyword_figures(pages: Iterable[Described]) -> Iterator[Figure]:
    """Ours beside word counts, TF-IDF of words and RAKE (Rose et al., 2010), ten keywords each."""
    references = [
        (page, declared) for page in pages if len(declared := _declared(page)) >= MIN_KEYWORDS
    ]
    ours = _score(references, _ours)
    others = {name: _score(references, method) for name, method in _BASELINES.items()}
    for field in Score.__struct_fields__:
        value = getattr(ours, field)
        for name, other in others.items():
            figure = compared(
                f"keywords {field}, {len(references)} pages", value, "", name, getattr(other, field)
            )
            is_met = value >= getattr(other, field)
            yield replace(figure, goal=f">= {name}", met=is_met)
    started = time.process_time()
    for page, _ in references:
        _ours(page)
    spent = 1000 * (time.process_time() - started) / len(references)
    yield Figure(name="keywords, processor time", value=spent, unit="ms an article")


def _declared(page: Described) -> frozenset[Phrase]:
    """The declared keywords of the page that occur in its title or text, as stems."""
    text = f" {' '.join(stems(words(f'{page.title} . {page.text}')))} "
    phrases = {tuple(stems(words(keyword))) for keyword in page.keywords}
    return frozenset(
        phrase
        for phrase in phrases
        if 1 <= len(phrase) <= MAX_WORDS and f" {' '.join(phrase)} " in text
    )


def _score(references: Sequence[tuple[Described, frozenset[Phrase]]], method: Method) -> Score:
    rows = [_page_score(method(page), declared) for page, declared in references]
    phrase, stem, recall = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Score(phrase_f1=phrase, stem_f1=stem, stem_recall=recall)


def _page_score(
    extracted: Sequence[str], declared: frozenset[Phrase]
) -> tuple[float, float, float]:
    phrases = {tuple(stems(words(keyword))) for keyword in extracted}
    stems_of_ours = {stem for phrase in phrases for stem in phrase}
    stems_of_page = {stem for phrase in declared for stem in phrase}
    shared = len(stems_of_ours & stems_of_page)
    return (
        f1(len(phrases & declared), len(phrases), len(declared)),
        f1(shared, len(stems_of_ours), len(stems_of_page)),
        100.0 * shared / len(stems_of_page),
    )


def _ours(page: Described) -> Sequence[str]:
    return keywords(page.title, page.text, page.language)


def _by_count(page: Described) -> Sequence[str]:
    return _best(page, dict.fromkeys(_content_words(page), 1.0))


def _by_tf_idf(page: Described) -> Sequence[str]:
    return _best(page, {word: idf(word) for word in _content_words(page)})


def _best(page: Described, weights: Mapping[str, float]) -> Sequence[str]:
    scores: defaultdict[str, float] = defaultdict(float)
    shown: dict[str, str] = {}
    for word in _content_words(page):
        (stem,) = stems([word])
        scores[stem] += weights[word]
        shown.setdefault(stem, word)
    best = sorted(scores, key=lambda stem: -scores[stem])
    return [shown[stem] for stem in best[:MAX_KEYWORDS]]


def _content_words(page: Described) -> list[str]:
    stop_words = stopwords(page.language).delimiters | stopwords(page.language).weak
    return [
        word
        for word in words(page.text)
        if len(word) > 2 and not word.isdigit() and word not in stop_words
    ]


def _by_rake(page: Described) -> Sequence[str]:
    runs = [
        tuple(term.folded for term in run)
        for run in noun_phrase_candidates(page.text, page.language)
    ]
    count = Counter(word for run in runs for word in run)
    degree: Counter[str] = Counter()
    for run in runs:
        for word in run:
            degree[word] += len(run)
    scores = {run: sum(degree[word] / count[word] for word in run) for run in runs}
    short = [run for run in dict.fromkeys(runs) if len(run) <= MAX_WORDS]
    return [" ".join(run) for run in sorted(short, key=lambda run: -scores[run])[:MAX_KEYWORDS]]


_BASELINES: Mapping[str, Method] = {
    "counts of words": _by_count,
    "TF-IDF of words": _by_tf_idf,
    "RAKE": _by_rake,
}
