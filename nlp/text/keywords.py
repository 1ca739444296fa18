"""Keywords: what an article is about, in a few of its own words.

Candidates are runs of content words, found by rule instead of by a tagger: text → tokens → noun
phrase candidates → phrases with their counts → scores → the best ten.
"""

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
from nlp.text.words import FULL_STOPS, MARKS, MAX_WORD_CHARS, stems, words

MAX_KEYWORDS = 10

MAX_WORDS = 5
"""Words of the longest keyword."""

MAX_CHARS = 80
"""A longer phrase is not a keyword but a piece of a text without spaces."""

READ_CHARS = 30_000
"""Read of a text: about seven news articles, and at worst 0.3 s of work."""

UNSPACED_LANGUAGES = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Written without spaces. Their words are not segmented here, so they have no keywords."""

ABSORBED_SHARE = 0.5
"""Share of a phrase's mentions inside a longer phrase at which only the longer one is kept."""

OVERLAP = 0.5
"""Share of common words at which only the better of two keywords is kept."""

NAME_WEIGHT = 2.0
LENGTH_POWER = 0.6
"""A phrase of two words weighs 1.5 times one word of the same idf."""

EARLY_WORDS = 150
"""The position in words at which the bonus for an early mention has fallen to 1/e."""

# Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, ideographs.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_LETTER = rf"[^\W_{_UNSPACED}]"
_LETTERS = (
    rf"(?:{_LETTER}{{1,{MAX_WORD_CHARS}}}+(?![{MARKS}])"
    rf"|{_LETTER}(?:{_LETTER}|[{MARKS}]){{0,{MAX_WORD_CHARS - 1}}})"
)
_TOKEN = re.compile(
    rf"""(?:https?://|www\.)\S+ | [\w.+-]{{1,64}}@\w[\w.-]{{0,64}}\w  # an address
        | (?:[A-Z]\.){{2,6}}                                  # U.S.
        | (?:[A-Z]['’])?{_LETTERS}                            # O'Brien
          (?:(?:[&‑-]|\.(?=[a-z])){_LETTERS}){{0,4}}          # PG&E, pay-TV, Booking.com
          (?:['’](?:s|t|re|ve|ll|d|m)(?!\w))?                 # China's, didn't""",
    re.VERBOSE,
)
_OPENING = " \t\"“‘'([—–-”)"  # may come between the end of a sentence and the next word
_POSSESSIVE = "'s"
_SENTENCE_END = (".", "!", "?", ":", "…", "•", "|", *FULL_STOPS)
_MODEL_NUMBER = re.compile(r"\d[A-Z]")  # 5G, 3D
_NOT_A_WORD = re.compile(r"[@/]|'[a-z]")  # an address, a contraction

Stems = tuple[str, ...]


class Term(NamedTuple):
    """A word of a noun phrase candidate."""

    form: str
    """As in the text where it is a name, else case-folded."""
    folded: str
    stem: str
    position: int
    """Its number among the words of the text, from 0."""
    is_name: bool
    is_weak: bool
    """Whether it cannot be a keyword alone."""


@dataclass(slots=True)
class _Phrase:
    """A phrase that may become a keyword."""

    terms: Sequence[Term]
    """Of its first mention."""
    is_name: bool
    is_whole: bool = False
    """Whether some mention does not cut a name in two."""
    count: int = 0
    """Mentions; set to 0 when another phrase replaces it."""
    forms: Counter[str] = field(default_factory=Counter)

    def form(self) -> str:
        """Its most frequent form in the text."""
        return self.forms.most_common(1)[0][0]


def keywords(title: str, text: str, language: str | None) -> tuple[str, ...]:
    """Up to ten keywords, the best first, as the text has them; lower-case except for names.

    Candidates are the noun phrase candidates and their parts, up to five words. A candidate of
    several words must occur twice, be a name or occur in the title. A surname counts for the full
    name.

    The score is count · mean idf · length^0.6 · (1 + e^(-position/150)) ·
    (1 + share of its words in the title), and twice that for a name: TF-IDF with the boosts for
    length and position of KP-Miner (El-Beltagy and Rafea, Information Systems 34, 2009).
    The idf is estimated without a collection (`nlp.text.idf`), so an article has the same keywords
    in every job. In languages other than English all words have the same idf, and where there is
    no list of stop words only words of four letters and more count. Languages written without
    spaces have no keywords.

    On 40 news pages that name keywords of their own these ten have an F1 of 26 with theirs, and 34
    in stems; the ten most frequent words have 17 and 31, by TF-IDF 16 and 29, by RAKE (Rose et al.,
    2010) 4 and 17. 700 words take 3.5 ms of processor time.
    """
    if language in UNSPACED_LANGUAGES:
        return ()
    english = is_english(language)
    in_title = frozenset(stems(words(title)) if english else words(title))
    phrases = _phrases(list(noun_phrase_candidates(text[:READ_CHARS], language)), in_title)
    _count_surnames_for_full_names(phrases)
    _absorb_parts(phrases)
    scores = {
        key: _score(phrase, in_title, english) for key, phrase in phrases.items() if phrase.count
    }
    ranked = sorted(scores, key=lambda key: (-scores[key], phrases[key].terms[0].position))
    return tuple(phrases[key].form() for key in _distinct(ranked))


# Scoring phrases


def _phrases(runs: Sequence[Sequence[Term]], in_title: frozenset[str]) -> dict[Stems, _Phrase]:
    """The phrases that may become keywords, by their stems, in the order of first mention."""
    stem_counts = Counter(term.stem for run in runs for term in run)
    phrases: dict[Stems, _Phrase] = {}
    for run in runs:
        for start, end in _parts(run, stem_counts, in_title):
            part = run[start:end]
            key = tuple(term.stem for term in part)
            phrase = phrases.get(key)
            if phrase is None:
                is_name = all(term.is_name for term in part)
                phrase = phrases[key] = _Phrase(terms=part, is_name=is_name)
            phrase.is_whole |= not _cuts_a_name(run, start, end)
            phrase.count += 1
            phrase.forms[" ".join(term.form for term in part)] += 1
    return {key: phrase for key, phrase in phrases.items() if _is_eligible(key, phrase, in_title)}


def _parts(
    run: Sequence[Term], stem_counts: Mapping[str, int], in_title: frozenset[str]
) -> Iterator[tuple[int, int]]:
    """The start and end of each part of a run that could be a keyword.

    What a phrase of several words needs, each of its words needs; so most runs are left early.
    """
    is_supported = [
        term.is_name or stem_counts[term.stem] > 1 or term.stem in in_title for term in run
    ]
    for start, first in enumerate(run):
        if _is_participle(first) or first.folded.isdecimal():
            continue
        for end in range(start + 1, min(len(run), start + MAX_WORDS) + 1):
            if not is_supported[end - 1]:
                break
            has_strong_word = any(not term.is_weak for term in run[start:end])
            if has_strong_word and not _is_participle(run[end - 1]):
                yield start, end


def _is_participle(term: Term) -> bool:
    return not term.is_name and term.folded.endswith("ed")


def _cuts_a_name(run: Sequence[Term], start: int, end: int) -> bool:
    """Whether run[start:end] begins or ends within a name."""
    return any(
        0 < edge < len(run) and run[edge - 1].is_name and run[edge].is_name for edge in (start, end)
    )


def _is_eligible(key: Stems, phrase: _Phrase, in_title: frozenset[str]) -> bool:
    if len(phrase.form()) > MAX_CHARS:
        return False
    is_supported = phrase.count > 1 or phrase.is_name or in_title.issuperset(key)
    return len(key) == 1 or (phrase.is_whole and is_supported)


def _count_surnames_for_full_names(phrases: Mapping[Stems, _Phrase]) -> None:
    """Count "Cook" for "Tim Cook", the most frequent of the names that end with it."""
    full_names: dict[str, _Phrase] = {}
    for key, phrase in phrases.items():
        if phrase.is_name and 2 <= len(key) <= 3:
            other = full_names.get(key[-1])
            if other is None or phrase.count > other.count:
                full_names[key[-1]] = phrase
    for surname, phrase in full_names.items():
        alone = phrases.get((surname,))
        if alone is not None and alone.is_name:
            phrase.count, alone.count = max(phrase.count, alone.count), 0


def _absorb_parts(phrases: Mapping[Stems, _Phrase]) -> None:
    """Drop the phrases that mostly occur inside a longer phrase."""
    for key in sorted(phrases, key=len, reverse=True):
        for part in _proper_parts(key):
            shorter = phrases.get(part)
            if shorter is not None and phrases[key].count >= ABSORBED_SHARE * shorter.count:
                shorter.count = 0


def _proper_parts(key: Stems) -> Iterator[Stems]:
    for size in range(1, len(key)):
        for start in range(len(key) - size + 1):
            yield key[start : start + size]


def _score(phrase: _Phrase, in_title: frozenset[str], english: bool) -> float:
    terms = phrase.terms
    mean_idf = sum(idf(term.folded) for term in terms) / len(terms) if english else 1.0
    title_share = sum(term.stem in in_title for term in terms) / len(terms)
    early = math.exp(-terms[0].position / EARLY_WORDS)
    shape = math.pow(len(terms), LENGTH_POWER) * (NAME_WEIGHT if phrase.is_name else 1.0)
    return phrase.count * mean_idf * shape * (1 + early) * (1 + title_share)


def _distinct(ranked: Iterable[Stems]) -> list[Stems]:
    """The first ten that do not overlap with a better one."""
    chosen: list[Stems] = []
    for key in ranked:
        if not any(_overlap(set(key), set(better)) for better in chosen):
            chosen.append(key)
        if len(chosen) == MAX_KEYWORDS:
            break
    return chosen


def _overlap(left: set[str], right: set[str]) -> bool:
    shared = len(left & right)
    return shared >= OVERLAP * len(left | right) or shared == min(len(left), len(right))


# Finding noun phrase candidates


class _Token(NamedTuple):
    form: str
    folded: str
    opens: bool
    """Whether it begins a sentence, where a capital letter says nothing."""
    joined: bool
    """Whether only a space separates it from the token before."""


def noun_phrase_candidates(text: str, language: str | None) -> Iterator[Sequence[Term]]:
    """The runs of content words in `text`, in order; none in a script without spaces.

    A run ends at punctuation, at a stop word, after a possessive, at an address and at a number,
    except for a number after a name ("Boeing 787"). In English adverbs in -ly end it too. A word is
    a name if it is capitalised more often than not within sentences, or where it opens one before
    another capitalised word; or if it only opens sentences and the vocabulary lacks it. For 300
    words spaCy's tagger takes 15 ms and its parser 28 ms; this takes 1 ms.
    """
    tokens = list(_tokens(text))
    names = _names(tokens)
    lists, english = stopwords(language), is_english(language)
    folded = [token.folded for token in tokens]
    token_stems = stems(folded) if english else folded
    run: list[Term] = []
    for position, (token, stem) in enumerate(zip(tokens, token_stems, strict=True)):
        if run and not token.joined:
            yield run
            run = []
        is_name = token.folded in names
        if _is_content_word(token, is_name, lists, english) or _is_number_of(run, token):
            form = token.form if is_name else token.folded
            is_weak = _is_weak(token, lists)
            run.append(Term(form, token.folded, stem, position, is_name, is_weak))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _tokens(text: str) -> Iterator[_Token]:
    end, possessive, opens = 0, False, True
    for match_ in _TOKEN.finditer(text):
        gap = text[end : match_.start()]
        if gap != " ":
            opens = not end or "\n" in gap or gap.lstrip(_OPENING).startswith(_SENTENCE_END)
        form = match_.group().replace("’", "'")
        joined = gap == " " and not possessive
        possessive = form.endswith(_POSSESSIVE)
        if possessive:
            form = form[:-2]
        yield _Token(form, form.casefold(), opens, joined)
        end, opens = match_.end(), False


def _names(tokens: Iterable[_Token]) -> frozenset[str]:
    """The case-folded words that this text uses as names."""
    capitalised: Counter[str] = Counter()
    lower_case: Counter[str] = Counter()
    opening: set[str] = set()
    opener = ""
    for form, folded, opens, joined in tokens:
        if opener and joined and form != folded:
            capitalised[opener] += 1
        opener = ""
        if form == folded:
            lower_case[folded] += 1
        elif opens and form[1:].islower():
            opening.add(folded)
            opener = folded
        else:
            capitalised[folded] += 1
    only_opening = opening.difference(capitalised, lower_case)
    return frozenset(
        [word for word, count in capitalised.items() if count > lower_case[word]]
        + [word for word in only_opening if not is_known(word) and not word.endswith("ly")]
    )


def _is_content_word(token: _Token, is_name: bool, lists: Stopwords, english: bool) -> bool:
    folded = token.folded
    if len(folded) < lists.min_letters or not folded[0].isalpha():
        return _MODEL_NUMBER.fullmatch(token.form) is not None
    if folded in lists.delimiters:  # "New York", "the US"
        return english and is_name and token.form != folded and not token.opens
    if folded in lists.titles or _NOT_A_WORD.search(token.form):
        return False
    return is_name or ("." not in folded and not (english and folded.endswith("ly")))


def _is_weak(token: _Token, lists: Stopwords) -> bool:
    """A stop word in capitals ("the US") is not weak; one that is capitalised ("New York") is."""
    folded = token.folded
    return folded in lists.weak or (folded in lists.delimiters and not token.form.isupper())


def _is_number_of(run: Sequence[Term], token: _Token) -> bool:
    return bool(run) and run[-1].is_name and token.folded.isdecimal() and len(token.folded) <= 4
