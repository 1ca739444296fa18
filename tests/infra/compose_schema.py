"""Checks a Compose file against the specification: `python compose_schema.py FILE`.

Needs compose-spec (requirements-infra.txt). It finds wrong keys and values; what the file names is
looked up in test_compose.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from compose_spec import PyOptions  # type: ignore[import-not-found]


def main(file: Path) -> None:
    PyOptions(apply_merge=True).from_yaml(file.read_text()).validate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
