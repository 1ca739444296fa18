"""The settings of the selection: which of the scored articles a job keeps."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from nlp.decision import RELEVANCE_FLOOR, SelectionPolicy
from tasks.settings.scoring import ScoringSettings


class SelectionSettings(ScoringSettings, frozen=True, kw_only=True):
    """What is dropped as irrelevant, as a duplicate, or as too much of the same."""

    min_relevance: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Relevance, of 100, below which a topic job drops a candidate.",
        ),
    ] = RELEVANCE_FLOOR
    dup_sim_threshold: Annotated[
        float, Meta(gt=0, le=1, description="Cosine from which two articles are near-duplicates.")
    ] = 0.97
    diversify_results: Annotated[
        bool,
        Meta(
            description=(
                "Whether jobs that ask for diversity get the caps per domain and per cluster."
            )
        ),
    ] = True
    domain_cap: Annotated[int, Meta(ge=1, description="Articles kept per registrable domain.")] = 2
    use_embedding_clustering: Annotated[
        bool,
        Meta(description="Whether articles are clustered by meaning, for the cap per cluster."),
    ] = True
    cluster_cap: Annotated[int, Meta(ge=1, description="Articles kept per cluster.")] = 3
    clustering_threshold: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description=(
                "Mean cosine, with a credit for names and rare words that both have, from which "
                "two groups of articles are one cluster."
            ),
        ),
    ] = 0.75

    @property
    def selection_policy(self) -> SelectionPolicy:
        return SelectionPolicy(
            domain_cap=self.domain_cap,
            dup_sim_threshold=self.dup_sim_threshold,
            use_clustering=self.use_embedding_clustering,
            cluster_cap=self.cluster_cap,
            clustering_threshold=self.clustering_threshold,
        )
