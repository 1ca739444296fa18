"""The dashboards for Grafana, as committed; `scripts/check-infra` compares with their source."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.infra.test_prometheus import known_names

FOLDER = Path(__file__).parents[2] / "infra" / "grafana" / "dashboards"
DASHBOARDS: dict[str, Any] = {
    file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))
}


SCHEMAS: dict[str, Any] = json.loads(Path(__file__).with_name("grafana_schemas.json").read_text())
"""Of Grafana's own types; `about` says where they come from."""


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_schema_accepts_the_dashboard(name: str) -> None:
    assert misfits(DASHBOARDS[name], SCHEMAS["dashboard"]) == []
    for panel in DASHBOARDS[name]["panels"]:
        of_kind = SCHEMAS[panel["type"]]
        assert misfits(panel["options"], of_kind["options"]) == []
        assert misfits(panel["fieldConfig"]["defaults"].get("custom", {}), of_kind["custom"]) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("title",), 1),
        (("panels", 0, "gridPos", "w"), "wide"),
        (("templating", "list", 0, "auto"), True),
    ],
)
def test_grafanas_schema_refuses_what_is_wrong(place: tuple[str | int, ...], value: object) -> None:
    board = copy.deepcopy(DASHBOARDS["overview"])
    part: Any = board
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    assert misfits(board, SCHEMAS["dashboard"])


def misfits(document: object, schema: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


def test_there_is_a_dashboard_for_each_question() -> None:
    assert DASHBOARDS.keys() == {"overview", "job-type", "workers", "sources", "cost"}
    assert {board["uid"] for board in DASHBOARDS.values()} == {f"curator-{n}" for n in DASHBOARDS}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_metric_of_a_dashboard_exists(name: str) -> None:
    for expression in expressions(DASHBOARDS[name]):
        named = set(re.findall(r"\b(?:curator|http_server)_\w+", expression))
        assert named, expression
        assert named <= known_names(), expression


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_shows(name: str) -> None:
    for panel in DASHBOARDS[name]["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_every_expression_is_valid(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(
            expression for board in DASHBOARDS.values() for expression in expressions(board)
        )
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def expressions(board: Any, window: str = "1m") -> list[str]:
    """The queries of its panels, with the variables filled in."""
    return [
        target["expr"].replace("$__rate_interval", window).replace("$type", "batch_analysis")
        for panel in board["panels"]
        for target in panel["targets"]
    ]
