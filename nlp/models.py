"""What an analysis needs that is loaded once."""

from __future__ import annotations

from dataclasses import dataclass

from nlp.embedder import Embedder
from nlp.entities import EntityRecognizer
from nlp.language import warm_up
from nlp.remembering import RememberingEmbedder
from nlp.reputation import Reputations, load_reputations


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models and data of a process; read only, so every analysis may share them."""

    embedder: Embedder
    entities: EntityRecognizer
    reputations: Reputations


def load_models(threads: int) -> Models:
    """Load the packaged models: some 8 s and 600 MB, once in a process.

    `threads` bounds the processor threads of the embedder. Imports torch and spaCy only here,
    so that `Models` can be named, and faked, without them.
    """
    warm_up()
    # spaCy first: it hides torch while it is imported.
    from nlp.spacy_entities import SpacyRecognizer

    entities = SpacyRecognizer()

    from nlp.sentence_embedder import SentenceTransformerEmbedder

    return Models(
        embedder=RememberingEmbedder(SentenceTransformerEmbedder(threads)),
        entities=entities,
        reputations=load_reputations(),
    )
