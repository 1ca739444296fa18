"""What is kept of an article's words is small, whole, and the same in every process."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.text.query_terms import MAX_FREQUENT_STEMS, TermCounts, article_stems, term_counts


def names(counts: TermCounts) -> list[int]:
    return [
        int.from_bytes(counts.frequent[at : at + 4], "little")
        for at in range(0, len(counts.frequent), 4)
    ]


def test_the_terms_of_the_query_are_counted_in_title_and_text() -> None:
    found = term_counts("central banks", "Bank runs", "A central bank and other banks. AI said.")
    assert found.in_title == (0, 1)
    assert found.in_text == (1, 2)
    assert found.text_words == 8


def test_other_stems_are_kept_the_most_frequent_first() -> None:
    found = term_counts("bank", "Storm", "The bank. The river, the rivers. Storms. The mill.")
    assert names(found) == [zlib.crc32(stem) for stem in (b"storm", b"river", b"mill")]
    assert list(found.frequencies) == [2, 2, 1]


def test_the_words_of_the_query_take_no_place_among_the_others() -> None:
    text = " ".join(f"w{number}" for number in range(100)) + " bank rates" * 5
    assert len(names(term_counts("bank rates", "", text))) == MAX_FREQUENT_STEMS


def test_a_word_said_without_end_counts_255_times_at_most() -> None:
    assert term_counts("bank", "", "river " * 1000).frequencies == b"\xff"


@pytest.mark.parametrize(
    "query", ["x" * 500, "x " * 250, "".join(map(chr, range(0x4E00, 0x4E00 + 500)))]
)
@pytest.mark.parametrize("text", ["", "word " * 10_000, "ﷺ" * 10_000, "新" * 10_000])
def test_evidence_stays_small(query: str, text: str) -> None:
    found = term_counts(query, text[:500], text)
    packed = msgspec.msgpack.encode(found)
    assert len(packed) < 1024
    assert msgspec.msgpack.decode(packed, type=TermCounts) == found


def test_one_count_of_the_stems_serves_any_query() -> None:
    stems = article_stems("Bank runs", "A bank ran. The river rose.")
    for query in ("bank", "river banks", "the"):
        assert stems.for_query(query) == term_counts(
            query, "Bank runs", "A bank ran. The river rose."
        )


@given(st.text(max_size=200), st.text(max_size=500))
def test_any_text_can_be_counted(title: str, text: str) -> None:
    found = term_counts("bank", title, text)
    assert len(found.frequent) == 4 * len(found.frequencies)
    assert all(found.frequencies)
