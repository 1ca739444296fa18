"""Keywords against those that news pages give themselves, beside three that need no model."""

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

LONGEST = 4
"""Words of a keyword that a text could give; longer ones are headings."""

FEWEST = 2
"""Keywords of its own, found in its text, that make a page worth comparing."""

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
    """Ours beside counts of words, TF-IDF of words and RAKE (Rose et al., 2010), ten each."""
    wanted = [(page, found) for page in pages if len(found := _wanted(page)) >= FEWEST]
    ours = _score(wanted, _ours)
    others = {name: _score(wanted, method) for name, method in _BASELINES.items()}
    for field in Score.__struct_fields__:
        value = getattr(ours, field)
        for name, other in others.items():
            figure = compared(
                f"keywords {field}, {len(wanted)} pages", value, "", name, getattr(other, field)
            )
            beaten = value >= getattr(other, field)
            yield replace(figure, goal=f">= {name}", met=beaten)
    started = time.process_time()
    for page, _ in wanted:
        _ours(page)
    spent = 1000 * (time.process_time() - started) / len(wanted)
    yield Figure(name="keywords, processor time", value=spent, unit="ms an article")


def _wanted(page: Described) -> frozenset[Phrase]:
    """The page's own keywords that stand in its title or text, as stems."""
    spoken = f" {' '.join(stems(words(f'{page.title} . {page.text}')))} "
    phrases = {tuple(stems(words(keyword))) for keyword in page.keywords}
    return frozenset(
        phrase
        for phrase in phrases
        if 1 <= len(phrase) <= LONGEST and f" {' '.join(phrase)} " in spoken
    )


def _score(wanted: Sequence[tuple[Described, frozenset[Phrase]]], method: Method) -> Score:
    rows = [_one(method(page), phrases) for page, phrases in wanted]
    phrase, stem, recall = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Score(phrase_f1=phrase, stem_f1=stem, stem_recall=recall)


def _one(found: Sequence[str], wanted: frozenset[Phrase]) -> tuple[float, float, float]:
    phrases = {tuple(stems(words(keyword))) for keyword in found}
    told = {stem for phrase in phrases for stem in phrase}
    asked = {stem for phrase in wanted for stem in phrase}
    return (
        f1(len(phrases & wanted), len(phrases), len(wanted)),
        f1(len(told & asked), len(told), len(asked)),
        100.0 * len(told & asked) / len(asked),
    )


def _ours(page: Described) -> Sequence[str]:
    return keywords(page.title, page.text, page.language)


def _by_count(page: Described) -> Sequence[str]:
    return _best(page, dict.fromkeys(_telling(page), 1.0))


def _by_tf_idf(page: Described) -> Sequence[str]:
    return _best(page, {word: idf(word) for word in _telling(page)})


def _best(page: Described, weights: Mapping[str, float]) -> Sequence[str]:
    worth: defaultdict[str, float] = defaultdict(float)
    shown: dict[str, str] = {}
    for word in _telling(page):
        (stem,) = stems([word])
        worth[stem] += weights[word]
        shown.setdefault(stem, word)
    best = sorted(worth, key=lambda stem: -worth[stem])
    return [shown[stem] for stem in best[:MAX_KEYWORDS]]


def _telling(page: Described) -> list[str]:
    empty = stopwords(page.language).delimiters | stopwords(page.language).weak
    return [
        word
        for word in words(page.text)
        if len(word) > 2 and not word.isdigit() and word not in empty
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
    worth = {run: sum(degree[word] / count[word] for word in run) for run in runs}
    short = [run for run in dict.fromkeys(runs) if len(run) <= LONGEST]
    return [" ".join(run) for run in sorted(short, key=lambda run: -worth[run])[:MAX_KEYWORDS]]


_BASELINES: Mapping[str, Method] = {
    "counts of words": _by_count,
    "TF-IDF of words": _by_tf_idf,
    "RAKE": _by_rake,
}
