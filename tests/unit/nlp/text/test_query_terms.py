"""Query terms are stems of content words; the term counts of an article are small and complete."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.neutral import Unmeasurable
from nlp.text.query_terms import (
    MAX_FREQUENT_STEMS,
    TermCounts,
    article_stems,
    query_terms,
    term_counts,
)


def stem_hashes(counts: TermCounts) -> list[int]:
    return [
        int.from_bytes(counts.frequent[at : at + 4], "little")
        for at in range(0, len(counts.frequent), 4)
    ]


def test_query_terms_are_the_stems_of_the_content_words() -> None:
    assert query_terms("The future of the banks") == ("futur", "bank")


def test_a_query_of_stopwords_alone_keeps_them() -> None:
    assert query_terms("The Who") == ("the", "who")


@pytest.mark.parametrize("query", [None, "", "  ", "?!"])
def test_a_query_without_words_has_no_terms(query: str | None) -> None:
    with pytest.raises(Unmeasurable):
        query_terms(query)


def test_the_terms_of_the_query_are_counted_in_title_and_text() -> None:
    counts = term_counts("central banks", "Bank runs", "A central bank and other banks. AI said.")
    assert counts.in_title == (0, 1)
    assert counts.in_text == (1, 2)
    assert counts.text_words == 8


def test_other_stems_are_stored_the_most_frequent_first() -> None:
    counts = term_counts("bank", "Storm", "The bank. The river, the rivers. Storms. The mill.")
    assert stem_hashes(counts) == [zlib.crc32(stem) for stem in (b"storm", b"river", b"mill")]
    assert list(counts.frequencies) == [2, 2, 1]


def test_query_terms_are_not_among_the_other_stems() -> None:
    text = " ".join(f"w{number}" for number in range(100)) + " bank rates" * 5
    assert len(stem_hashes(term_counts("bank rates", "", text))) == MAX_FREQUENT_STEMS


def test_a_word_counts_255_times_at_most() -> None:
    assert term_counts("bank", "", "river " * 1000).frequencies == b"\xff"


@pytest.mark.parametrize(
    "query", ["x" * 500, "x " * 250, "".join(map(chr, range(0x4E00, 0x4E00 + 500)))]
)
@pytest.mark.parametrize("text", ["", "word " * 10_000, "ﷺ" * 10_000, "新" * 10_000])
def test_evidence_stays_small(query: str, text: str) -> None:
    counts = term_counts(query, text[:500], text)
    packed = msgspec.msgpack.encode(counts)
    assert len(packed) < 1024
    assert msgspec.msgpack.decode(packed, type=TermCounts) == counts


def test_article_stems_serve_any_query() -> None:
    stems = article_stems("Bank runs", "A bank ran. The river rose.")
    for query in ("bank", "river banks", "the"):
        assert stems.for_query(query) == term_counts(
            query, "Bank runs", "A bank ran. The river rose."
        )


@given(st.text(max_size=200), st.text(max_size=500))
def test_any_text_can_be_counted(title: str, text: str) -> None:
    counts = term_counts("bank", title, text)
    assert len(counts.frequent) == 4 * len(counts.frequencies)
    assert all(counts.frequencies)
