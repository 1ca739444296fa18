"""Only the composition roots know the settings; every other part is given the values it needs."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]

COMPOSITION_ROOTS = {
    "app.main",
    "tasks.eager",
    "tasks.composition",
    "tasks.resources",
    "tasks.worker.worker",
}
"""Besides the commands, in `app.cli`, and the settings themselves."""


def test_only_composition_roots_import_the_settings() -> None:
    importers = {
        module
        for package in ("app", "tasks", "nlp")
        for file in (ROOT / package).rglob("*.py")
        if imports_settings(file)
        and not (module := module_name(file)).startswith(("app.cli.", "tasks.settings"))
    }
    assert importers == COMPOSITION_ROOTS


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_settings(file: Path) -> bool:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.ImportFrom(module=str(module)) if module.startswith("tasks.settings"):
                return True
            case ast.ImportFrom(module="tasks", names=names):
                if any(alias.name == "settings" for alias in names):
                    return True
            case ast.Import(names):
                if any(alias.name.startswith("tasks.settings") for alias in names):
                    return True
    return False
