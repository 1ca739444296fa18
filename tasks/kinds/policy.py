"""What an operator decides about how jobs are curated."""

from __future__ import annotations

from msgspec import Struct

from nlp.analysis import AnalysisPolicy
from nlp.decision import SelectionPolicy


class CurationPolicy(Struct, frozen=True, kw_only=True):
    """The values that all types of job work by. Each comes from a setting."""

    analysis: AnalysisPolicy
    selection: SelectionPolicy
    """Of a topic. Batches have no least relevance, and a job may turn off diversity."""
    candidates_per_article: int
    """How many candidates a topic looks at for each article that it is to keep."""
    details_limit_seconds: float
    """The soft limit of the closer look at one article during `rank`."""
