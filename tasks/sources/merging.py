"""One list of candidates from the lists of several sources."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from msgspec.structs import replace

from nlp.urls import canonical_url
from tasks.outcome import Candidate


def merged(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Each article once, named by all that found it; what is no URL is left out.

    The sources take turns: first what any has in its first place, then in its second, and so on.
    Of one place, what more sources found comes first, then what an earlier source found.
    """
    first: dict[str, tuple[int, Candidate]] = {}
    for place, row in enumerate(zip_longest(*lists)):
        for candidate in row:
            if candidate is not None:
                _add(first, place, candidate)
    placed = sorted(first.values(), key=lambda one: (one[0], -len(one[1].sources)))
    return [candidate for _, candidate in placed]


def _add(first: dict[str, tuple[int, Candidate]], place: int, candidate: Candidate) -> None:
    try:
        key = canonical_url(candidate.url)
    except ValueError:
        return
    earlier = first.get(key)
    if earlier is None:
        first[key] = (place, candidate)
    else:
        first[key] = (earlier[0], _also_found(earlier[1], candidate))


def _also_found(candidate: Candidate, again: Candidate) -> Candidate:
    """The candidate with the source of the other, and with its title where it has none."""
    others = dict.fromkeys((*candidate.also_found_by, *again.sources))
    others.pop(candidate.source or "", None)
    return replace(candidate, also_found_by=tuple(others), title=candidate.title or again.title)
