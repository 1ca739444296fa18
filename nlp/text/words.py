"""Words and sentences, cut the same way for every score."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from itertools import chain

from snowballstemmer import EnglishStemmer

MAX_WORD_CHARS = 64
"""Longer runs are cut: one line of 200,000 letters must not reach a stemmer as one word."""

MAX_SENTENCE_WORDS = 60
"""Longer sentences are cut: VADER is quadratic in them (16,000 words took 14 s)."""

MAX_SENTENCE_CHARS = 1000

# Chinese and Japanese write no spaces: each character counts as one word, as word processors do.
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER = rf"[^\W_{_IDEOGRAPHS}]"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|{_LETTER}{{1,{MAX_WORD_CHARS}}}(?:'{_LETTER}{{1,8}})?")

_SENTENCE_END = re.compile(
    r"""(?<=[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]?[^\W_])  # a full stop, space, then a word
        |(?<=[。！？])                                  # which ends a sentence by itself""",
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Col|Lt|Sgt|Capt|Rev|Hon|St|Jr|Sr"
    r"|Inc|Ltd|Co|Corp|No|vs|e\.g|i\.e|(?:[A-Z]\.)+[A-Z]"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)


def words(text: str) -> list[str]:
    """The case-folded words of `text`, in order; "AI-driven" is two, "don't" is one."""
    return _WORD.findall(text.casefold().replace("’", "'"))


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, none longer than MAX_SENTENCE_WORDS or _CHARS.

    By rule, not by model: cut at closing punctuation before a word and at line breaks, but
    not after an initial or a common abbreviation of English.
    """
    return [
        piece
        for line in text.splitlines()
        for whole in _whole_sentences(line)
        for piece in _bounded(whole)
        if piece
    ]


def _whole_sentences(line: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(line):
        piece = line[start : end.end()].strip()
        if not _ABBREVIATION.search(piece[-12:]):
            found.append(piece)
            start = end.end()
    return [*found, line[start:].strip()]


def _bounded(sentence: str) -> list[str]:
    tokens = sentence.split()
    if len(tokens) <= MAX_SENTENCE_WORDS and len(sentence) <= MAX_SENTENCE_CHARS:
        return [sentence]
    chunks = [
        " ".join(tokens[at : at + MAX_SENTENCE_WORDS])
        for at in range(0, len(tokens), MAX_SENTENCE_WORDS)
    ]
    return [
        chunk[at : at + MAX_SENTENCE_CHARS]
        for chunk in chunks
        for at in range(0, len(chunk), MAX_SENTENCE_CHARS)
    ]


def stems(tokens: Iterable[str]) -> list[str]:
    """The stem of each word, so that "banks" finds "bank".

    Porter's second English stemmer (snowballstem.org); words of other languages pass
    through it too, which is harmless because query and text are cut alike.
    """
    return [_stem(token) for token in tokens]


@lru_cache(maxsize=65_536)
def _stem(token: str) -> str:
    # A stemmer holds the word it works on: one for each call is safe in threads, and cheap.
    return str(EnglishStemmer().stemWord(token.removesuffix("'s")))


class TokenizedText:
    """A text with its sentences, words and stems, each cut when first asked for and then kept.

    Readability, sentiment, coherence and summary read the same cuts. Each cutting for
    itself, they took 3.6 ms of processor time for 700 words; sharing, 2.5 ms.
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
        """As `nlp.text.words.words`, but that a word is cut where a sentence had to be."""
        return tuple(chain.from_iterable(self.sentence_words))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The stem of each word, as `nlp.text.words.stems`."""
        return tuple(stems(self.words))
