"""Validates manifests: `python kubernetes_schemas.py FOLDER`, in .venv-infra (scripts/check-infra).

Kubernetes' own kinds against the schemas that kubernetes-validate carries, unknown fields refused;
KEDA's against the models of cloudcoil-models-keda. These skip unknown fields, so what they read is
compared with what was written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

VERSIONS = ("1.33", "1.37")


def main(folder: str) -> int:
    count = 0
    for file in sorted(Path(folder).glob("*.yaml")):
        for manifest in yaml.safe_load_all(file.read_text()):
            for fault in faults(manifest):
                sys.stderr.write(f"{file}: {manifest['kind']}: {fault}\n")
                return 1
            count += 1
    sys.stdout.write(f"{count} manifests are valid\n")
    return 0 if count else 1


def faults(manifest: dict[str, Any]) -> Iterator[str]:
    if manifest["kind"] == "Kustomization":  # read by kubectl, and no object of the cluster
        return
    if manifest["kind"] == "ScaledObject":
        read = ScaledObject.model_validate(manifest)
        yield from unread(manifest, read.model_dump(by_alias=True, exclude_unset=True, mode="json"))
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {error.message}"


def unread(written: Any, read: Any, path: str = "") -> Iterator[str]:
    if isinstance(written, dict):
        for name in written:
            if name not in read:
                yield f"unknown field {path}{name}"
            else:
                yield from unread(written[name], read[name], f"{path}{name}.")
    elif isinstance(written, list):
        for number, (ours, theirs) in enumerate(zip(written, read, strict=True)):
            yield from unread(ours, theirs, f"{path}{number}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
