"""The salient terms of a lead: names, numbers and long words."""

from __future__ import annotations

import numpy as np

from nlp.analysis import Fingerprint
from nlp.similarity.fingerprint import SALIENT_DIMENSION, salient_rows, salient_terms


def prints(*texts: str) -> list[Fingerprint]:
    return [
        Fingerprint(
            text_sha256="",
            shingles=b"",
            embedding=b"",
            words=salient_terms(text).astype("<u4").tobytes(),
        )
        for text in texts
    ]


def test_names_numbers_and_long_words_are_salient_and_particles_are_not() -> None:
    assert len(salient_terms("it is as far as we can see")) == 0
    assert len(salient_terms("Osk paid 38 for a turbine")) == 3
    assert np.array_equal(salient_terms("Turbines of OSK"), salient_terms("turbine in Osk"))


def test_words_after_the_lead_do_not_count() -> None:
    lead = "turbine " * 200
    assert np.array_equal(salient_terms(lead + "Brannock"), salient_terms(lead))


def test_rare_words_in_common_bring_rows_together() -> None:
    rows = salient_rows(
        prints("Centrel in Brannock today", "Brannock and Centrel today", "Osk today", "today", "")
    )
    assert rows.shape == (5, SALIENT_DIMENSION)
    assert rows[0] @ rows[1] > 0.9
    assert abs(rows[0] @ rows[2]) < 0.3
    assert np.linalg.norm(rows, axis=1).round(3).tolist() == [1, 1, 1, 1, 0]


def test_terms_that_all_articles_share_have_no_weight() -> None:
    assert not salient_rows(prints("turbine", "turbine")).any()
    assert salient_rows([]).shape == (0, SALIENT_DIMENSION)
