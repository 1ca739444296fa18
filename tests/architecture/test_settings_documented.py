"""docs/settings.md says of every setting what the code says."""

from __future__ import annotations

from pathlib import Path

from tasks.settings import Settings, setting_rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    documented = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    expected = [
        f"| `{row.name}` | {f'`{row.default}`' if row.default else ''} | {row.meaning} |"
        for row in setting_rows(Settings())
    ]
    assert documented == expected
