"""How properties are tested here."""

from __future__ import annotations

from hypothesis import settings

# No deadline for an example: the first one pays for a lexicon, and machines are shared.
settings.register_profile("nlp", deadline=None)
settings.load_profile("nlp")
