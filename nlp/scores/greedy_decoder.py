"""Decodes names exactly as spaCy does, in a third of the time.

spaCy's recogniser goes from token to token and scores the actions of each state by itself: Begin,
In, Last, Unit or Out (BILUO), each with a label. Such a state is a token, the first token of the
name that is open, and the token before. Outside a name it is the token alone, so the states of all
tokens are scored by one matrix product here, and those that follow a possible beginning by a second
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHECKED_WITH = "3.8."
"""Versions of spaCy that the tests have compared this with. It uses what is internal to them."""

TOKENS_AHEAD = 4
"""Tokens after a possible beginning that are scored in advance: longer names are rare."""

NONE = -1
"""Stands for a token that a state does not have."""

Span = tuple[int, int, str]
"""A name: its first token, the token after its last one, its label."""

State = tuple[int, int, int]
"""A token, the first token of the open name, the token before; NONE where no name is open."""


def can_decode(recognizer: Any, spacy_version: str) -> bool:
    """Whether this decodes as that spaCy would with this component: greedily, from these states."""
    lower = recognizer.model.get_ref("lower")
    return (
        spacy_version.startswith(CHECKED_WITH)
        and recognizer.cfg["beam_width"] == 1
        and recognizer.model.attrs["has_upper"]
        and not recognizer.model.attrs["unseen_classes"]
        and lower.get_dim("nF") == len((NONE, NONE, NONE))
    )


class GreedyDecoder:
    """The decoder of one component `ner` of spaCy."""

    def __init__(self, recognizer: Any) -> None:
        self._model = recognizer.model
        moves = recognizer.moves
        names = [moves.get_class_name(number) for number in range(moves.n_moves)]
        self._labels = [name.partition("-")[2] for name in names]
        self._begins = np.array([name.startswith("B-") for name in names])
        self._out = names.index("O")
        units = np.array([name.startswith("U-") and name != "U-" for name in names])
        self._outer = self._begins | units
        self._outer[self._out] = True
        self._inner = {
            label: (names.index(f"I-{label}"), names.index(f"L-{label}"))
            for label, begins in zip(self._labels, self._begins, strict=True)
            if begins
        }

    def spans(self, doc: Any) -> list[Span]:
        """The names of `doc`, in their order. It may not have any set yet."""
        if len(doc) == 0:
            return []
        scorer = self._model.predict([doc])
        actions = self._outer_actions(scorer, doc)
        inner_scores = _InnerScores(scorer, np.flatnonzero(self._begins[actions]), len(doc))
        spans: list[Span] = []
        token = 0
        while token < len(doc):
            action = actions[token]
            end = token + 1
            if self._begins[action]:
                end = self._end(inner_scores, token, len(doc), self._labels[action])
            if action != self._out:
                spans.append((token, end, self._labels[action]))
            token = end
        return spans

    def _outer_actions(self, scorer: Any, doc: Any) -> NDArray[np.intp]:
        """The best action of each token outside a name. The first of equals, as in spaCy."""
        scores = _scores(scorer, [(token, NONE, NONE) for token in range(len(doc))])
        scores[:, ~self._outer] = -np.inf
        scores[-1, self._begins] = -np.inf  # a name that begins has at least one more token
        actions: NDArray[np.intp] = scores.argmax(axis=1)
        actions[[token.is_space for token in doc]] = self._out
        return actions

    def _end(self, scores: _InnerScores, start: int, length: int, label: str) -> int:
        """The token after the name that begins with `start`."""
        stay, last = self._inner[label]
        for token in range(start + 1, length - 1):
            row = scores.of(token, start)
            if row[last] > row[stay] or (row[last] == row[stay] and last < stay):
                return token + 1
        return length


class _InnerScores:
    """The scores of all actions at the tokens inside a name."""

    def __init__(self, scorer: Any, starts: Iterable[np.intp], length: int) -> None:
        self._scorer = scorer
        ahead = [
            (token, start, token - 1)
            for start in map(int, starts)
            for token in range(start + 1, min(start + 1 + TOKENS_AHEAD, length))
        ]
        self._known: dict[State, NDArray[np.float32]] = {}
        if ahead:
            self._known.update(zip(ahead, _scores(scorer, ahead), strict=True))

    def of(self, token: int, start: int) -> NDArray[np.float32]:
        """Of each action at `token`, in a name that began with the token `start`."""
        state = (token, start, token - 1)
        if state not in self._known:
            self._known[state] = _scores(self._scorer, [state])[0]
        return self._known[state]


def _scores(scorer: Any, states: Sequence[State]) -> NDArray[np.float32]:
    """Of each action in each of the states: states × actions."""
    hidden = scorer.state2vec.predict(np.array(states, dtype=np.int32))
    scores: NDArray[np.float32] = scorer.vec2scores.predict(hidden)
    return scores
