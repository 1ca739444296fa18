"""Which words of a lead tell of an event."""

from __future__ import annotations

import numpy as np

from nlp.analysis import Fingerprint
from nlp.similarity.fingerprint import DIMENSION, telling_rows, telling_words


def prints(*texts: str) -> list[Fingerprint]:
    return [
        Fingerprint(
            text_sha256="",
            shingles=b"",
            embedding=b"",
            words=telling_words(text).astype("<u4").tobytes(),
        )
        for text in texts
    ]


def test_names_numbers_and_long_words_tell_and_particles_do_not() -> None:
    assert len(telling_words("it is as far as we can see")) == 0
    assert len(telling_words("Osk paid 38 for a turbine")) == 3
    assert np.array_equal(telling_words("Turbines of OSK"), telling_words("turbine in Osk"))


def test_what_follows_the_lead_does_not_tell() -> None:
    lead = "turbine " * 200
    assert np.array_equal(telling_words(lead + "Brannock"), telling_words(lead))


def test_rare_words_in_common_bring_rows_together() -> None:
    rows = telling_rows(
        prints("Centrel in Brannock today", "Brannock and Centrel today", "Osk today", "today", "")
    )
    assert rows.shape == (5, DIMENSION)
    assert rows[0] @ rows[1] > 0.9
    assert abs(rows[0] @ rows[2]) < 0.3
    assert np.linalg.norm(rows, axis=1).round(3).tolist() == [1, 1, 1, 1, 0]


def test_what_all_have_tells_nothing() -> None:
    assert not telling_rows(prints("turbine", "turbine")).any()
    assert telling_rows([]).shape == (0, DIMENSION)
