"""Copies are merged into the better article, and nothing else is."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest

from nlp.analysis import Fingerprint
from nlp.decision import Match, Nearest
from nlp.embedding.embedder import HashingEmbedder
from nlp.similarity.duplicates import Resemblance, duplicates
from nlp.similarity.fingerprint import fingerprint
from tests.unit.nlp.samples import prose

THRESHOLD = 0.97
EXACT = [pytest.param(5_000, id="exact"), pytest.param(0, id="as of many")]
"""The limit up to which the exact way is taken."""

NOTICE = (
    "We and our partners store cookies on your device to measure how our pages are read and to "
    "show what may interest you. Sign up for our morning letter and never miss a story again."
)


def vector(seed: int, dimension: int = 64) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A direction of its own: two of them are nearly at right angles."""
    row = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row))


def own_words(seed: int, count: int) -> str:
    """Text that shares no phrase with that of another seed."""
    return " ".join(f"word{seed}x{at}" for at in range(count))


def found(texts: list[str], exact: int = 5_000, threshold: float = THRESHOLD) -> list[Match | None]:
    prints = [fingerprint(text, vector(seed)) for seed, text in enumerate(texts)]
    urls = [f"https://a.example/{place}" for place in range(len(texts))]
    return [one.match for one in duplicates(prints, urls, threshold, exact)]


def test_nothing_in_nothing_out() -> None:
    assert duplicates([], [], THRESHOLD) == []


@pytest.mark.parametrize("exact", EXACT)
def test_one_article_resembles_none(exact: int) -> None:
    alone = [fingerprint(prose(1), vector(1))]
    assert duplicates(alone, ["https://a.example/1"], THRESHOLD, exact) == [
        Resemblance(match=None, nearest=None)
    ]


@pytest.mark.parametrize("exact", EXACT)
@pytest.mark.parametrize(
    "copy",
    [
        "By Jordan Hale, staff correspondent. " + prose(1),
        " ".join(prose(1).split()[:280]),
        ". ".join(line for at, line in enumerate(prose(1).split(". ")) if at % 10),
        ". ".join(line for at, line in enumerate(prose(1).split(". ")) if at % 3),
        own_words(9, 60) + " " + prose(1),
    ],
    ids=["byline", "first 60 %", "10 % dropped", "30 % dropped", "lead"],
)
def test_a_copy_is_merged_in_either_order(copy: str, exact: int) -> None:
    for texts in ([prose(1), prose(2), copy], [copy, prose(2), prose(1)]):
        matches = found(texts, exact)
        assert matches[:2] == [None, None]
        assert matches[2] is not None
        assert matches[2].original == 0


@pytest.mark.parametrize("exact", EXACT)
def test_a_notice_that_a_site_puts_under_short_texts_makes_no_copies(exact: int) -> None:
    texts = [f"{own_words(seed, 22)} {NOTICE}" for seed in range(12)]
    assert found(texts, exact) == [None] * 12


@pytest.mark.parametrize("exact", EXACT)
def test_a_round_up_is_not_merged_for_one_item_but_the_item_is(exact: int) -> None:
    item, round_up = prose(1, 10), " ".join(prose(seed, 10) for seed in range(1, 8))
    assert found([item, round_up], exact) == [None, None]
    assert found([round_up, item], exact)[1] is not None


@pytest.mark.parametrize("exact", EXACT)
def test_a_quoted_passage_makes_no_copy(exact: int) -> None:
    quote = own_words(7, 150)
    assert found([f"{own_words(1, 200)} {quote}", f"{own_words(2, 200)} {quote}"], exact) == [
        None,
        None,
    ]


@pytest.mark.parametrize("exact", EXACT)
def test_all_alike_is_one_article(exact: int) -> None:
    alike = [fingerprint(prose(1), vector(1)) for _ in range(40)]
    urls = [f"https://a.example/{place}" for place in range(40)]
    results = duplicates(alike, urls, THRESHOLD, exact)
    assert results[0].match is None
    for one in results[1:]:
        assert one.match == Match(original=0, matched_by="text_hash", similarity=1.0)
        assert one.nearest == Nearest(original=0, containment=1.0, cosine=1.0)


@pytest.mark.parametrize("exact", EXACT)
def test_many_copies_of_one_text_are_merged_into_it_and_not_into_each_other(exact: int) -> None:
    texts = [f"By writer number{seed}. {prose(1)}" for seed in range(120)]
    matches = found(texts, exact)
    assert {match.original for match in matches[1:] if match} == {0}
    assert all(matches[1:])


@pytest.mark.parametrize("exact", EXACT)
def test_empty_texts_without_embeddings_are_handled(exact: int) -> None:
    blank = Fingerprint(text_sha256="", shingles=b"", embedding=b"")
    prints = [
        Fingerprint(text_sha256=hashlib.sha256(b"%d" % at).hexdigest(), shingles=b"", embedding=b"")
        for at in range(5)
    ]
    urls = [f"https://a.example/{place}" for place in range(6)]
    assert [one.match for one in duplicates([*prints, blank], urls, THRESHOLD, exact)] == [None] * 6


@pytest.mark.parametrize("exact", EXACT)
def test_an_embedding_that_is_none_says_nothing(exact: int) -> None:
    odd = [
        np.full(64, np.nan, dtype=np.float32),
        np.full(64, np.inf, dtype=np.float32),
        np.zeros(64, dtype=np.float32),
        np.ones(99, dtype=np.float32),
        np.empty(0, dtype=np.float32),
    ]
    rows = [vector(1), vector(2), *odd, *odd]
    prints = [fingerprint(own_words(at, 40), row) for at, row in enumerate(rows)]
    urls = [f"https://a.example/{place}" for place in range(len(rows))]
    results = duplicates(prints, urls, THRESHOLD, exact)
    assert [one.match for one in results] == [None] * len(rows)
    assert all(one.nearest is None or one.nearest.cosine < 0.5 for one in results)


@pytest.mark.parametrize("exact", EXACT)
def test_a_vector_that_is_not_a_unit_still_has_a_cosine(exact: int) -> None:
    prints = [fingerprint(own_words(at, 40), vector(1) * (1 + 9 * at)) for at in range(2)]
    results = duplicates(prints, ["https://a.example/1", "https://a.example/2"], THRESHOLD, exact)
    assert results[1].match == Match(original=0, matched_by="embedding", similarity=1.0)


def test_a_chain_of_small_changes_does_not_swallow_its_far_end() -> None:
    words = own_words(1, 400).split()
    chain = [" ".join(words[at : at + 200]) for at in range(0, 201, 40)]
    for exact in (5_000, 0):
        matches = found(chain, exact)
        # Each is held against what stays, not against its neighbour that went.
        assert [match.original if match else None for match in matches] == [
            None,
            0,
            None,
            2,
            None,
            4,
        ]


def test_of_two_equal_originals_the_first_is_named() -> None:
    half, other = own_words(1, 100), own_words(2, 100)
    rows = [vector(1), vector(2), vector(3)]
    texts = [f"{half} {own_words(3, 90)}", f"{half} {own_words(4, 90)}", half]
    prints = [fingerprint(text, row) for text, row in zip(texts, rows, strict=True)]
    urls = [f"https://a.example/{place}" for place in range(3)]
    last = duplicates(prints, urls, THRESHOLD)[2]
    assert last.match == Match(original=0, matched_by="shingles", similarity=1.0)
    assert other not in texts


def test_the_nearest_is_told_of_what_is_no_duplicate() -> None:
    rows = HashingEmbedder().encode(["rates of the bank", "a zebra in Africa", "bank rates rise"])
    prints = [fingerprint(own_words(at, 40), row) for at, row in enumerate(rows)]
    urls = [f"https://a.example/{place}" for place in range(3)]
    found = duplicates(prints, urls, THRESHOLD)
    assert found[0].nearest is None
    assert found[2].match is None
    assert found[2].nearest == Nearest(
        original=0, containment=0.0, cosine=round(float(np.round(rows[0] @ rows[2], 5)), 4)
    )


def test_the_way_for_many_finds_what_the_exact_one_does() -> None:
    chance = random.Random(5)
    texts = [own_words(seed, 300) for seed in range(30)]
    for _ in range(40):
        words = chance.choice(texts[:30]).split()
        start = chance.randrange(0, 60)
        added = own_words(chance.randrange(10**6), chance.randrange(0, 60))
        texts.append(" ".join(words[start : start + chance.randrange(180, 300)]) + " " + added)
    chance.shuffle(texts)
    assert found(texts, exact=0) == found(texts)
