"""compose.yaml: every file, port, service and setting that it names exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]

LISTENS = {
    "web": {8000},
    "worker": {9464},
    "valkey": {6379},
    "collector": {4318},
    "jaeger": {4317, 16686},
    "prometheus": {9090},
    "grafana": {3000},
}
"""The ports of the images, by their documentation; those of ours are checked below."""


def config(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return loaded


def mounts(service: str) -> dict[str, str]:
    """Path in the container → path here, or the name of a volume."""
    pairs = [volume.split(":")[:2] for volume in SERVICES[service].get("volumes", ())]
    return {inside: outside for outside, inside in pairs}


def addresses() -> list[tuple[str, int]]:
    """Every HOST:PORT that the files name, but those of a service's own interfaces."""
    texts = [(ROOT / "compose.yaml").read_text()]
    texts += [file.read_text() for file in sorted(FOLDER.rglob("*.yaml"))]
    found = re.findall(r"(?:^|[\s/\[])([a-z]+):(\d{4,5})\b", "\n".join(texts))
    return [(host, int(port)) for host, port in found]


def test_each_mounted_file_exists_and_each_volume_is_declared() -> None:
    used = set()
    for service in SERVICES:
        for outside in mounts(service).values():
            if outside.startswith("./"):
                assert (ROOT / outside).exists(), outside
            else:
                used.add(outside)
    assert used == COMPOSE["volumes"].keys()


@pytest.mark.parametrize("service", OURS)
def test_settings_are_ours_and_have_sound_values(service: str) -> None:
    environment = SERVICES[service]["environment"]
    unknown = {name for name in environment if name.lower() not in Settings.__struct_fields__}
    assert all(name.startswith("OTEL_") for name in unknown), unknown
    settings = read_settings(environment)
    if service == "web":
        assert (settings.http_port, settings.unsafe_open) == (8000, True)
    else:
        assert settings.metrics_port == 9464


def test_commands_are_ours() -> None:
    assert [SERVICES[service]["command"] for service in OURS] == [["web"], ["worker"]]


def test_every_address_is_that_of_a_service() -> None:
    assert len(addresses()) == 6
    for host, port in addresses():
        assert port in LISTENS[host], (host, port)


def test_only_this_machine_reaches_them() -> None:
    published = {name: port for name in SERVICES for port in SERVICES[name].get("ports", ())}
    for service, port in published.items():
        address, outside, inside = port.split(":")
        assert (address, outside) == ("127.0.0.1", inside)
        assert int(inside) in LISTENS[service]


def test_images_of_others_have_a_version() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(
                r"[a-z/-]+:v?\d+\.\d+\.\d+[a-z-]*(@sha256:[0-9a-f]{64})?", service["image"]
            )


def test_valkey_keeps_its_promises() -> None:
    command = SERVICES["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"


def test_the_collector_uses_what_it_declares() -> None:
    collector = config("collector.yaml")
    for pipeline in collector["service"]["pipelines"].values():
        for part, names in pipeline.items():
            assert set(names) <= collector[part].keys()


def test_prometheus_finds_its_rules_and_scrapes_all_of_ours() -> None:
    prometheus = config("prometheus.yaml")
    for file in prometheus["rule_files"]:
        assert f"/etc/prometheus/{file}" in mounts("prometheus")
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    assert jobs.keys() == {f"curator-{service}" for service in OURS}
    (names,) = jobs["curator-worker"]["dns_sd_configs"]
    assert (names["names"], names["port"]) == (["worker"], 9464)


def test_grafana_finds_its_dashboards_and_their_source() -> None:
    inside = mounts("grafana")
    (provider,) = config("grafana/dashboards.yaml")["providers"]
    folder = ROOT / inside[provider["options"]["path"]]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).name in {file.name for file in folder.glob("*.json")}
    sources = {source["type"] for source in config("grafana/datasources.yaml")["datasources"]}
    for file in folder.glob("*.json"):
        variables = json.loads(file.read_text())["templating"]["list"]
        assert {each["query"] for each in variables if each["type"] == "datasource"} <= sources


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """With the script and the file that it changes."""
    (tmp_path / "scripts").mkdir()
    for file in ("compose.yaml", "scripts/pin-images"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def pin_images(checkout: Path, skopeo: str | None = None) -> subprocess.CompletedProcess[str]:
    tools = checkout / "bin"
    tools.mkdir(exist_ok=True)
    if skopeo is not None:
        (tools / "skopeo").write_text(f"#!/bin/sh\n{skopeo}\n")
        (tools / "skopeo").chmod(0o755)
    for tool in ("bash", "dirname", "sed", "grep"):
        path = shutil.which(tool)
        if path and not (tools / tool).exists():
            (tools / tool).symlink_to(path)
    command = [str(tools / "bash"), str(checkout / "scripts" / "pin-images")]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tools)})


def images(checkout: Path) -> list[str]:
    services = yaml.safe_load((checkout / "compose.yaml").read_text())["services"]
    return [services[name]["image"] for name in services]


def test_digests_are_written_beside_the_tags_and_replaced(checkout: Path) -> None:
    before = images(checkout)
    for digit in "ab":
        ran = pin_images(checkout, skopeo=f"echo sha256:{digit * 64}")
        assert ran.returncode == 0, ran.stderr
        assert images(checkout) == [
            image if image == "curator:dev" else f"{image}@sha256:{digit * 64}" for image in before
        ]


@pytest.mark.parametrize("skopeo", [None, "exit 1", "echo nonsense"])
def test_where_no_registry_answers_nothing_is_written(checkout: Path, skopeo: str | None) -> None:
    before = images(checkout)
    ran = pin_images(checkout, skopeo)
    assert ran.returncode != 0
    assert "scripts/pin-images: " in ran.stderr
    assert images(checkout) == before
