"""Runs of telling words: what noun phrases are found among, by rule and not by model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nlp.text.idf import idf, is_known
from nlp.text.language import is_english
from nlp.text.stopwords import Stopwords, stopwords
from nlp.text.words import MAX_WORD_CHARS, stems, words

# Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, ideographs.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_LETTERS = rf"[^\W_{_UNSPACED}]{{1,{MAX_WORD_CHARS}}}"
_TOKEN = re.compile(
    rf"""(?:https?://|www\.)\S+ | [\w.+-]{{1,64}}@\w[\w.-]{{0,64}}\w  # an address
        | (?:[A-Z]\.){{2,6}}                                  # U.S.
        | (?:[A-Z]['’])?{_LETTERS}                            # O'Brien
          (?:(?:[&‑-]|\.(?=[a-z])){_LETTERS}){{0,4}}          # PG&E, pay-TV, Booking.com
          (?:['’](?:s|t|re|ve|ll|d|m)(?!\w))?                 # China's, didn't""",
    re.VERBOSE,
)
_CLOSING = " \t\"“‘'([—–-”)"
_POSSESSIVE = "'s"
_SENTENCE_END = (".", "!", "?", ":", "…", "•", "|")
_MODEL_NUMBER = re.compile(r"\d[A-Z]")  # 5G, 3D
_NO_WORD = re.compile(r"[@/]|'[a-z]")  # an address, a contraction


class Term(NamedTuple):
    """A word in a run."""

    form: str
    """As in the text where it is a name, else case-folded."""
    folded: str
    stem: str
    place: int
    """Its number among the words of the text, from 0."""
    is_name: bool
    is_weak: bool


class _Token(NamedTuple):
    form: str
    folded: str
    opens: bool
    """Whether it begins a sentence, where a capital says nothing."""
    joined: bool
    """Whether nothing but a space stands between it and the token before."""


def noun_phrase_candidates(text: str, language: str | None) -> Iterator[Sequence[Term]]:
    """The runs of telling words in `text`, in order; none in a script without spaces.

    A run ends at punctuation, at a function word, after a possessive, at an address and at a
    number, but for one after a name ("Boeing 787"). In English adverbs in -ly end it too. A word is
    a name if it has a capital more often than not within sentences, or where it opens one before
    another capital; or if it opens sentences only and the vocabulary lacks it. For 300 words
    spaCy's tagger takes 15 ms and its parser 28 ms; this takes 1 ms.
    """
    tokens = list(_tokens(text))
    names = _names(tokens)
    lists, english = stopwords(language), is_english(language)
    folded = [token.folded for token in tokens]
    stemmed = stems(folded) if english else folded
    run: list[Term] = []
    for place, (token, stem) in enumerate(zip(tokens, stemmed, strict=True)):
        if run and not token.joined:
            yield run
            run = []
        name = token.folded in names
        if _is_telling(token, name, lists, english) or _is_number_of(run, token):
            form = token.form if name else token.folded
            run.append(Term(form, token.folded, stem, place, name, _is_weak(token, lists)))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _tokens(text: str) -> Iterator[_Token]:
    end, possessive, opens = 0, False, True
    for found in _TOKEN.finditer(text):
        gap = text[end : found.start()]
        if gap != " ":
            opens = not end or "\n" in gap or gap.lstrip(_CLOSING).startswith(_SENTENCE_END)
        form = found.group().replace("’", "'")
        joined = gap == " " and not possessive
        possessive = form.endswith(_POSSESSIVE)
        if possessive:
            form = form[:-2]
        yield _Token(form, form.casefold(), opens, joined)
        end, opens = found.end(), False


def _names(tokens: Iterable[_Token]) -> frozenset[str]:
    """The case-folded words that this text uses as names."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    opening: set[str] = set()
    first = ""
    for form, folded, opens, joined in tokens:
        if first and joined and form != folded:
            capital[first] += 1
        first = ""
        if form == folded:
            small[folded] += 1
        elif opens and form[1:].islower():
            opening.add(folded)
            first = folded
        else:
            capital[folded] += 1
    unsure = opening.difference(capital, small)
    return frozenset(
        [word for word, count in capital.items() if count > small[word]]
        + [word for word in unsure if not is_known(word) and not word.endswith("ly")]
    )


def _is_telling(token: _Token, name: bool, lists: Stopwords, english: bool) -> bool:
    folded = token.folded
    if len(folded) < lists.shortest or not folded[0].isalpha():
        return _MODEL_NUMBER.fullmatch(token.form) is not None
    if folded in lists.delimiters:  # "New York", "the US"
        return english and name and token.form != folded and not token.opens
    if folded in lists.titles or _NO_WORD.search(token.form):
        return False
    return name or ("." not in folded and not (english and folded.endswith("ly")))


def _is_weak(token: _Token, lists: Stopwords) -> bool:
    """Function words are telling in "the US", and no more than weak in "New York"."""
    folded = token.folded
    return folded in lists.weak or (folded in lists.delimiters and not token.form.isupper())


def _is_number_of(run: Sequence[Term], token: _Token) -> bool:
    return bool(run) and run[-1].is_name and token.folded.isdecimal() and len(token.folded) <= 4


MAX_KEYWORDS = 10

MAX_WORDS = 5
"""Words of the longest keyword."""

MAX_CHARS = 80
"""A longer phrase is no keyword, but what is left of a page without spaces."""

READ_CHARS = 30_000
"""What is read of a text: about seven articles of news, and at worst 0.3 s of work."""

UNSPACED_LANGUAGES = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Written without spaces; their words are not told apart here, so they have no keywords."""

ABSORBED_SHARE = 0.5
"""Share of a phrase's mentions inside a longer one at which only the longer one is kept."""

OVERLAP = 0.5
"""Share of common words at which of two keywords the better one is kept."""

NAME_WEIGHT = 2.0
LENGTH_POWER = 0.6
"""Two words weigh 1.5 times one of the same rarity."""

EARLY_WORDS = 150
"""Words after which the weight of standing early has fallen to 1/e."""

Stems = tuple[str, ...]


@dataclass(slots=True)
class _Phrase:
    """A phrase that may become a keyword."""

    terms: Sequence[Term]
    """Where it stands first."""
    is_name: bool
    is_whole: bool = False
    """Whether it stands somewhere without cutting a name in two."""
    count: int = 0
    forms: Counter[str] = field(default_factory=Counter)

    def form(self) -> str:
        """As it stands most often in the text."""
        return self.forms.most_common(1)[0][0]


def keywords(title: str, text: str, language: str | None) -> tuple[str, ...]:
    """Up to ten keywords, the best first, as the text has them; lower-case but for names.

    Candidates are the runs of telling words and their parts, up to five words; those of several
    words must come twice, be a name or stand in the title. A surname counts for the full name.

    The score is count · mean rarity · length^0.6 · (1 + e^(-place/150)) ·
    (1 + share of its words in the title), twice that for a name: TF-IDF with the boosts for
    length and place of KP-Miner (El-Beltagy and Rafea, Information Systems 34, 2009).
    The rarity is estimated without a collection (`nlp.text.idf`), so an article has the
    same keywords in every job. In other languages than English every word is as rare as another,
    and where no list of function words is known only words of four letters and more count. None
    for languages written without spaces.

    On 40 news pages that name keywords of their own ten of these have an F1 of 26 with theirs, and
    34 in stems; the ten most frequent words have 17 and 31, by TF-IDF 16 and 29, by RAKE (Rose et
    al., 2010) 4 and 17. 700 words take 3.5 ms of processor time.
    """
    if language in UNSPACED_LANGUAGES:
        return ()
    english = is_english(language)
    in_title = frozenset(stems(words(title)) if english else words(title))
    phrases = _phrases(list(noun_phrase_candidates(text[:READ_CHARS], language)), in_title)
    _give_surnames_to_full_names(phrases)
    _absorb(phrases)
    scores = {
        key: _score(phrase, in_title, english) for key, phrase in phrases.items() if phrase.count
    }
    best = sorted(scores, key=lambda key: (-scores[key], phrases[key].terms[0].place))
    return tuple(phrases[key].form() for key in _distinct(best))


def _phrases(runs: Sequence[Sequence[Term]], in_title: frozenset[str]) -> dict[Stems, _Phrase]:
    """The candidates, in the order in which they come."""
    single = Counter(term.stem for run in runs for term in run)
    phrases: dict[Stems, _Phrase] = {}
    for run in runs:
        for start, end in _parts(run, single, in_title):
            part = run[start:end]
            key = tuple(term.stem for term in part)
            phrase = phrases.get(key)
            if phrase is None:
                is_name = all(term.is_name for term in part)
                phrase = phrases[key] = _Phrase(terms=part, is_name=is_name)
            phrase.is_whole |= not _is_cut(run, start, end)
            phrase.count += 1
            phrase.forms[" ".join(term.form for term in part)] += 1
    return {key: phrase for key, phrase in phrases.items() if _may_be_shown(key, phrase, in_title)}


def _may_be_shown(key: Stems, phrase: _Phrase, in_title: frozenset[str]) -> bool:
    if len(phrase.form()) > MAX_CHARS:
        return False
    told = phrase.count > 1 or phrase.is_name or in_title.issuperset(key)
    return len(key) == 1 or (phrase.is_whole and told)


def _parts(
    run: Sequence[Term], single: Mapping[str, int], in_title: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """Where the parts of a run begin and end that could be a keyword.

    What a phrase of several words needs, each of its words needs; so most runs are left early.
    """
    needed = [term.is_name or single[term.stem] > 1 or term.stem in in_title for term in run]
    for start, first in enumerate(run):
        if _is_participle(first) or first.folded.isdecimal():
            continue
        for end in range(start + 1, min(len(run), start + MAX_WORDS) + 1):
            if not needed[end - 1]:
                break
            telling = any(not term.is_weak for term in run[start:end])
            if telling and not _is_participle(run[end - 1]):
                yield start, end


def _is_cut(run: Sequence[Term], start: int, end: int) -> bool:
    """Whether run[start:end] begins or ends within a name."""
    return any(
        0 < edge < len(run) and run[edge - 1].is_name and run[edge].is_name for edge in (start, end)
    )


def _is_participle(term: Term) -> bool:
    return not term.is_name and term.folded.endswith("ed")


def _give_surnames_to_full_names(phrases: Mapping[Stems, _Phrase]) -> None:
    """ "Cook" counts for "Tim Cook", the most frequent of the names that end so."""
    full: dict[str, _Phrase] = {}
    for key, phrase in phrases.items():
        if phrase.is_name and 2 <= len(key) <= 3:
            known = full.get(key[-1])
            if known is None or phrase.count > known.count:
                full[key[-1]] = phrase
    for surname, phrase in full.items():
        alone = phrases.get((surname,))
        if alone is not None and alone.is_name:
            phrase.count, alone.count = max(phrase.count, alone.count), 0


def _absorb(phrases: Mapping[Stems, _Phrase]) -> None:
    """Drop what mostly stands inside a longer phrase."""
    for key in sorted(phrases, key=len, reverse=True):
        for part in _inside(key):
            short = phrases.get(part)
            if short is not None and phrases[key].count >= ABSORBED_SHARE * short.count:
                short.count = 0


def _inside(key: Stems) -> Iterator[Stems]:
    for size in range(1, len(key)):
        for start in range(len(key) - size + 1):
            yield key[start : start + size]


def _score(phrase: _Phrase, in_title: frozenset[str], english: bool) -> float:
    terms = phrase.terms
    rare = sum(idf(term.folded) for term in terms) / len(terms) if english else 1.0
    titled = sum(term.stem in in_title for term in terms) / len(terms)
    early = math.exp(-terms[0].place / EARLY_WORDS)
    shape = math.pow(len(terms), LENGTH_POWER) * (NAME_WEIGHT if phrase.is_name else 1.0)
    return phrase.count * rare * shape * (1 + early) * (1 + titled)


def _distinct(ranked: Iterable[Stems]) -> list[Stems]:
    """The first ten that do not say what a better one says."""
    chosen: list[Stems] = []
    for key in ranked:
        own = set(key)
        if not any(_overlap(own, set(other)) for other in chosen):
            chosen.append(key)
        if len(chosen) == MAX_KEYWORDS:
            break
    return chosen


def _overlap(one: set[str], other: set[str]) -> bool:
    shared = len(one & other)
    return shared >= OVERLAP * len(one | other) or shared == min(len(one), len(other))
