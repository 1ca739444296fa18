"""Evidence that the ledger holds from an earlier release is read by this one.

`data/evidence.msgpack` was written before the structs of `nlp.analysis` were renamed. It stays as
it is: a change that cannot read it breaks running jobs on an upgrade.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from nlp.analysis import (
    Details,
    Evidence,
    Fingerprint,
    Impression,
    NeutralScore,
    Score,
    Scorecard,
    Study,
)
from nlp.article import Article, Entity
from nlp.text.query_terms import TermCounts

RECORDED = Path(__file__).parent / "data" / "evidence.msgpack"

SCORES = Scorecard(
    overall_score=61.25,
    readability_score=82.26,
    ner_density_score=42.5,
    sentiment_score=84.1,
    tfidf_relevance_score=83.74,
    recency_score=50.0,
    reputation_score=95.0,
    topic_coherence_score=78.57,
    semantic_relevance_score=12.5,
    relevance_score=40.86,
)
FINGERPRINT = Fingerprint(
    text_sha256="9f86d081884c7d65",
    shingles=b"\x01\x02\x03\x04\x05\x06\x07\x08",
    embedding=b"\x00\x00\x80?\x00\x00\x00\x00",
    words=b"\x01\x02\x03\x04",
)
WITH_DETAILS = Evidence(
    article=Article(
        url="https://www.northwire.example/news/bridge?utm_source=x",
        canonical_url="https://www.northwire.example/news/bridge",
        domain="northwire.example",
        title="The bridge repair",
        text="",
        word_count=533,
        author="Ada Lovelace",
        publish_date=dt.datetime(2025, 6, 8, 12, 30, tzinfo=dt.UTC),
        language="en",
    ),
    study=Study(
        impression=Impression(
            fingerprint=FINGERPRINT, readability=Score(82.26), sentiment=Score(84.1)
        ),
        details=Details(
            ner_density=Score(42.5),
            entities=(Entity(text="Ada Lovelace", label="PERSON", count=3),),
            keywords=("bridge repair", "Ada Lovelace"),
            summary="The bridge was repaired by hand.",
        ),
        terms=TermCounts(
            in_title=(1, 1),
            in_text=(4, 2),
            text_words=533,
            frequent=b"abcdefgh",
            frequencies=b"\x03\x02",
        ),
        scores=SCORES,
    ),
    cached=True,
)
WITHOUT_DETAILS = Evidence(
    article=Article(
        url="https://unknown.example/b",
        canonical_url="https://unknown.example/b",
        domain="unknown.example",
        title="Die Brücke",
        text="Die Brücke ist offen.",
        word_count=4,
    ),
    study=Study(
        impression=Impression(
            fingerprint=FINGERPRINT,
            readability=Score(50.0, "Made for English, and the text is in 'de'."),
            sentiment=Score(50.0, "The measure failed: ValueError: x"),
        ),
        details=None,
        terms=None,
        scores=msgspec.structs.replace(
            SCORES, neutral=(NeutralScore(score="recency_score", reason="No date."),)
        ),
    ),
)


def test_recorded_evidence_is_read_in_full() -> None:
    stored = msgspec.msgpack.decode(RECORDED.read_bytes(), type=tuple[Evidence, ...])
    assert stored == (WITH_DETAILS, WITHOUT_DETAILS)
