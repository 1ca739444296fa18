"""Texts are embedded in batches that a budget of tokens bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlp.onnx_embedder import batches


@given(st.lists(st.integers(1, 256)), st.integers(1, 2048))
def test_each_text_is_in_one_batch_and_no_batch_exceeds_the_budget(
    lengths: list[int], budget: int
) -> None:
    made = list(batches(lengths, budget))
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    for batch in made:
        padded = max(lengths[place] for place in batch) * len(batch)
        assert padded <= budget or len(batch) == 1


def test_texts_of_one_length_stand_together() -> None:
    assert list(batches([3, 90, 3, 100, 3], budget=200)) == [[3, 1], [0, 2, 4]]
