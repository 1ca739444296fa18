"""docs/telemetry.md lists what spans have."""

from __future__ import annotations

import re
from pathlib import Path

from tasks.telemetry import names

DOC = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()


def test_our_own_attributes_are_listed() -> None:
    assert re.findall(r"^\| `(curator\.[a-z.]+)` \| [a-z]", DOC, re.MULTILINE) == sorted(
        names.OWN_ATTRIBUTES, key=lambda name: DOC.index(f"| `{name}`")
    )
