"""Rules of the Terraform code that Terraform itself does not check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "infra" / "terraform"
FOLDERS = sorted({file.parent for file in ROOT.rglob("*.tf")})
ENVIRONMENTS = ("dev", "prod")


def blocks(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Name and body of each block of a kind."""
    yield from re.findall(rf'^{kind} "(\w+)" \{{$(.*?)^\}}$', text, re.MULTILINE | re.DOTALL)


def test_there_are_modules_environments_and_an_example() -> None:
    names = {str(folder.relative_to(ROOT)) for folder in FOLDERS}
    modules = {"network", "registry", "queue", "secrets", "service", "worker_autoscaling"}
    assert {f"modules/{name}" for name in {*modules, "observability"}} <= names
    assert {"envs/dev", "envs/prod", "examples/existing_vpc"} <= names


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_versions_are_bounded_and_tests_are_there(folder: Path) -> None:
    versions = (folder / "versions.tf").read_text()
    assert re.search(r'required_version = ">= 1\.11\.0, < 2\.0\.0"', versions)
    assert re.search(r'source\s+= "hashicorp/aws"\s+version = "~> 6\.0"', versions)
    assert list((folder / "tests").glob("*.tftest.hcl"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_is_typed_described_and_validated(folder: Path) -> None:
    faults = []
    for name, body in blocks("variable", (folder / "variables.tf").read_text()):
        if not re.search(r'^  description = ".+[.…]"$', body, re.MULTILINE):
            faults.append(f"{name} has no description")
        kind = re.search(r"^  type +(?:=) (.+)$", body, re.MULTILINE)
        if kind is None:
            faults.append(f"{name} has no type")
        elif kind[1] != "bool" and "validation {" not in body:
            faults.append(f"{name} is not validated")
        faults += [
            f"{name} is refused without a sentence: {message}"
            for message in re.findall(r'error_message = "(.*)"$', body, re.MULTILINE)
            if not message.endswith(".")
        ]
    assert faults == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_output_is_described(folder: Path) -> None:
    for name, body in blocks("output", (folder / "outputs.tf").read_text()):
        assert re.search(r'^  description = ".+\."$', body, re.MULTILINE), name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_state_is_locked_and_encrypted_and_no_network_is_allowed_by_default(name: str) -> None:
    folder = ROOT / "envs" / name
    versions = (folder / "versions.tf").read_text()
    assert 'backend "s3"' in versions
    assert re.search(r"use_lockfile = true", versions)
    assert re.search(r"encrypt +(?:=) true", versions)
    variables = dict(blocks("variable", (folder / "variables.tf").read_text()))
    assert "default" not in variables["allowed_cidrs"]
    for secret in ("queue_password", "secret_values"):
        assert re.search(r"ephemeral +(?:=) true", variables[secret])


def test_an_apply_leaves_the_number_of_tasks_to_autoscaling() -> None:
    service = (ROOT / "modules" / "service" / "main.tf").read_text()
    assert "ignore_changes = [desired_count]" in service


def test_no_resource_keeps_a_secret() -> None:
    """In a state everybody who may read it sees them: write-only attributes end in `_wo`."""
    kept = re.compile(r"^\s*(passwords?|secret_string|secret_binary|auth_token)\s*=", re.MULTILINE)
    for file in ROOT.rglob("*.tf"):
        for kind, body in re.findall(
            r'^resource "(\w+)" "\w+" \{$(.*?)^\}$', file.read_text(), re.MULTILINE | re.DOTALL
        ):
            assert not kept.search(body), f"{kind} in {file.relative_to(ROOT)}"


def test_each_exception_of_checkov_says_why() -> None:
    exceptions = [
        line.strip()
        for file in ROOT.rglob("*.tf")
        for line in file.read_text().splitlines()
        if "checkov:" in line
    ]
    assert exceptions
    for line in exceptions:
        assert re.fullmatch(r"#checkov:skip=CKV2?_AWS_\d+:.{20,}", line), line
