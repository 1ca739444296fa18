"""Which articles tell the same story in other words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from nlp.analysis import Fingerprint
from nlp.vectors import cosines


def clusters(prints: Sequence[Fingerprint], clustering_threshold: float) -> list[int]:
    """The cluster number of each article, given best first.

    Average linkage (Sokal and Michener, 1958) on 1 - cosine: two groups join while the mean
    cosine between them is at least the threshold. Single linkage would chain stories together.
    Clusters are numbered from 0 by their best article.
    """
    if len(prints) < 2:
        return [0] * len(prints)
    distances = 1.0 - cosines(prints).astype(np.float64)
    above_diagonal = np.triu_indices(len(prints), k=1)
    tree = linkage(distances[above_diagonal], method="average")
    # Half a unit of the last rounded decimal, so that a cosine at the threshold joins.
    found = fcluster(tree, 1.0 - clustering_threshold + 5e-6, criterion="distance")
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in found]
