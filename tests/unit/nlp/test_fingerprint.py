"""A fingerprint is the same in every process, and near texts have near fingerprints."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlp.embedding.embedder import HashingEmbedder, title_and_lead
from nlp.similarity.fingerprint import (
    embedding_of,
    fingerprint,
    shingles,
    shingles_of,
)
from nlp.similarity.story_terms import story_words

VECTOR = HashingEmbedder().encode(["a title"])[0]


def test_case_and_white_space_do_not_change_the_text_hash() -> None:
    one = fingerprint("The  Bridge\nopened.", VECTOR)
    assert one.text_sha256 == fingerprint("the bridge opened.", VECTOR).text_sha256
    assert one.text_sha256 != fingerprint("the bridge closed.", VECTOR).text_sha256


def test_shingles_are_the_same_in_every_process() -> None:
    found = shingles(["the", "bridge", "opened", "on", "monday"])
    assert found.tolist() == [10425299761287713658]


def test_shingles_depend_on_the_order_of_words() -> None:
    tokens = ["the", "bridge", "opened", "on", "monday"]
    assert shingles(tokens).tolist() != shingles(tokens[::-1]).tolist()


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60))
def test_there_is_one_hash_for_each_distinct_window_sorted(tokens: list[str]) -> None:
    found = shingles(tokens)
    windows = {tuple(tokens[at : at + 5]) for at in range(len(tokens) - 4)}
    assert len(found) == len(windows)
    assert np.all(found[:-1] < found[1:])


def test_what_was_stored_is_read_back() -> None:
    stored = fingerprint("one two three four five six", VECTOR)
    tokens = ["one", "two", "three", "four", "five", "six"]
    assert shingles_of(stored).tolist() == shingles(tokens).tolist()
    assert np.array_equal(embedding_of(stored), VECTOR)
    assert stored.story_words == story_words("", "one two three four five six").tobytes()


def test_the_stand_in_embedder_brings_texts_with_common_words_together() -> None:
    rows = HashingEmbedder().encode(["rates of the bank", "bank rates", "zebra in Africa"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3


def test_the_embedded_part_is_title_and_lead() -> None:
    assert title_and_lead("Title", "word " * 1000) == "Title. " + " ".join(["word"] * 200)
