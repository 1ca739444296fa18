"""Keeps the unit tests quick: `HYPOTHESIS=deep scripts/test tests/unit` looks longer."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("deep", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS", "quick"))
