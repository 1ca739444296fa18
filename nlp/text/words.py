"""Splits a text into words, stems and sentences, the same way for every score."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property, lru_cache
from itertools import chain

from snowballstemmer import EnglishStemmer

MAX_WORD_CHARS = 64
"""Longer words are split: a line of 200,000 letters must not reach a stemmer as one word."""

MAX_SENTENCE_WORDS = 60
"""Longer sentences are split: VADER is quadratic in their length (16,000 words took 14 s)."""

MAX_SENTENCE_CHARS = 1000

IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese and Japanese are written without spaces: each character counts as a word, as in word
processors. The inside of a character class, as is MARKS."""
LETTER = rf"[^\W_{IDEOGRAPHS}]"
"""Pattern of one letter or digit that is no ideograph."""

# For Python the marks of a letter, such as the vowel signs of Hindi and the tone marks of Thai, are
# no part of a word. The two joiners stand within words of Persian and of the scripts of India.
MARKS = "\u200c\u200d" + "".join(
    chr(code)
    for code in (*range(0x300, 0x2000), *range(0xA66F, 0xABF0), *range(0x11000, 0x11F50))
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
"""What may follow a letter within a word, as the inside of a character class."""

_WORD = re.compile(
    rf"""[{IDEOGRAPHS}]
      | (?:qu|[cdjlmnst])(?='{LETTER}{{3}})                          # l'école is two words
      | (?:{LETTER}{{1,{MAX_WORD_CHARS}}}+(?![{MARKS}])
           |{LETTER}(?:{LETTER}|[{MARKS}]){{0,{MAX_WORD_CHARS - 1}}})
        (?:(?:['׳״]|(?<=l)·(?=l)){LETTER}{{1,8}}(?!{LETTER}))?       # don't, צה״ל, col·legi""",
    re.VERBOSE,
)

FULL_STOPS = "。！？｡．։۔؟؞।॥።፧፨။។៕᙮᠃᱾᱿꓿꘎꛳꛷"
"""Sentence terminals (UAX #29) of scripts in which no space need follow."""

_SENTENCE_END = re.compile(
    rf"""(?<=[.!?…])["'”’»“)\]]*\s+(?=["'“‘„«¿¡(\[]*[^\W_])  # closing marks, space, then a word
        |(?<=[{FULL_STOPS}])(?![{FULL_STOPS}])["'”’»」』）】)\]]*""",
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Col|Lt|Sgt|Capt|Rev|Hon|St|Jr|Sr"
    r"|Inc|Ltd|Co|Corp|No|vs|e\.g|i\.e|(?:[A-Z]\.)+[A-Z]"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)


def words(text: str) -> list[str]:
    """The case-folded words of `text`, in order and in NFC; "AI-driven" is two, "don't" is one.

    Soft hyphens are no part of a word. Thai and other scripts without spaces are not segmented.
    """
    folded = text.casefold().replace("’", "'").replace("\xad", "")
    return _WORD.findall(unicodedata.normalize("NFC", folded))


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, none longer than MAX_SENTENCE_WORDS or _CHARS.

    By rule, not by model: split at closing punctuation before a word and at line breaks, but not
    after an initial or a common English abbreviation.
    """
    return [
        piece
        for line in text.splitlines()
        for whole in _whole_sentences(line)
        for piece in _within_limits(whole)
        if piece
    ]


def _whole_sentences(line: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(line):
        sentence = line[start : end.end()].strip()
        if not _ABBREVIATION.search(sentence[-12:]):
            pieces.append(sentence)
            start = end.end()
    return [*pieces, line[start:].strip()]


def _within_limits(sentence: str) -> list[str]:
    tokens = sentence.split()
    if len(tokens) <= MAX_SENTENCE_WORDS and len(sentence) <= MAX_SENTENCE_CHARS:
        return [sentence]
    pieces = [
        " ".join(tokens[start : start + MAX_SENTENCE_WORDS])
        for start in range(0, len(tokens), MAX_SENTENCE_WORDS)
    ]
    return [
        piece[start : start + MAX_SENTENCE_CHARS]
        for piece in pieces
        for start in range(0, len(piece), MAX_SENTENCE_CHARS)
    ]


def stems(tokens: Iterable[str]) -> list[str]:
    """The stem of each word, so that "banks" matches "bank".

    By Porter's second English stemmer (snowballstem.org). It is applied to words of other languages
    too, which does no harm because query and text are stemmed alike.
    """
    return [_stem(token) for token in tokens]


@lru_cache(maxsize=65_536)
def _stem(token: str) -> str:
    # A stemmer keeps its current word as state: a new one for each call is thread-safe, and cheap.
    return str(EnglishStemmer().stemWord(token.removesuffix("'s")))


class TokenizedText:
    """A text with its sentences, words and stems, each computed on first use and then kept.

    Readability, sentiment, coherence and summary share it: 2.5 ms of processor time for 700 words,
    instead of 3.6 ms where each tokenizes for itself.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """As `nlp.text.words.sentences`."""
        return tuple(sentences(self.text))

    @cached_property
    def sentence_words(self) -> tuple[tuple[str, ...], ...]:
        """The words of each sentence."""
        return tuple(tuple(words(sentence)) for sentence in self.sentences)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """As `nlp.text.words.words`, except that a word is split where a sentence had to be."""
        return tuple(chain.from_iterable(self.sentence_words))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The stem of each word, as `nlp.text.words.stems`."""
        return tuple(stems(self.words))
