"""The example for Kubernetes. Its schemas are checked by `scripts/check-infra`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.scaling.wanted import METRIC_NAME
from tasks.settings import Settings, read_settings, setting_rows

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes"
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for file in sorted(FOLDER.glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
]
ROLES = ("web", "worker")


def named(kind: str, name: str) -> dict[str, Any]:
    [manifest] = [
        one for one in MANIFESTS if one["kind"] == kind and one["metadata"]["name"] == name
    ]
    return manifest


def pod(role: str) -> dict[str, Any]:
    spec: dict[str, Any] = named("Deployment", f"curator-{role}")["spec"]["template"]["spec"]
    return spec


def test_all_files_are_applied() -> None:
    [kustomization] = [one for one in MANIFESTS if one["kind"] == "Kustomization"]
    files = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


def test_both_roles_run_one_image_by_its_digest() -> None:
    [kustomization] = [one for one in MANIFESTS if one["kind"] == "Kustomization"]
    [image] = kustomization["images"]
    assert image["digest"].startswith("sha256:")
    assert "newTag" not in image
    assert {pod(role)["containers"][0]["image"] for role in ROLES} == {image["name"]}


def test_prometheus_reaches_the_metrics_of_both() -> None:
    ports = {
        one["port"]
        for one in named("NetworkPolicy", "curator-metrics")["spec"]["ingress"][0]["ports"]
    }
    served = {"web": 8000, "worker": 9464}
    assert ports == set(served.values())
    for role, port in served.items():
        [container] = pod(role)["containers"]
        annotations = named("Deployment", f"curator-{role}")["spec"]["template"]["metadata"][
            "annotations"
        ]
        assert port in [one["containerPort"] for one in container["ports"]]
        assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}
    env = {one["name"]: one["value"] for one in pod("worker")["containers"][0]["env"]}
    assert (env["METRICS_HOST"], env["METRICS_PORT"]) == ("0.0.0.0", "9464")


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_may_do_nothing_but_its_work(role: str) -> None:
    spec = pod(role)
    [container] = spec["containers"]
    assert container["args"] == [role]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsUser"] == 10001
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/tmp"]


def test_settings_are_ours_and_secrets_are_elsewhere() -> None:
    data = named("ConfigMap", "curator")["data"]
    variables = {one["name"] for one in pod("worker")["containers"][0]["env"]}
    assert {*data, *variables} <= {row.name for row in setting_rows(Settings())}
    assert "REDIS_URL" not in data
    read_settings({**data, "REDIS_URL": "rediss://user:password@queue.example:6379/0"})
    assert not [one for one in MANIFESTS if one["kind"] == "Secret"]
    for role in ROLES:
        sources = pod(role)["containers"][0]["envFrom"]
        assert sources == [
            {"configMapRef": {"name": "curator"}},
            {"secretRef": {"name": "curator"}},
        ]


def test_running_steps_are_handed_back_before_a_worker_is_killed() -> None:
    grace = int(named("ConfigMap", "curator")["data"]["SHUTDOWN_GRACE"])
    assert grace < pod("worker")["terminationGracePeriodSeconds"]


def test_workers_follow_the_signal_and_rest_at_zero() -> None:
    scaled = named("ScaledObject", "curator-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == "curator-worker"
    assert scaled["minReplicaCount"] == 0
    [trigger] = scaled["triggers"]
    service = named("Service", "curator-web")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    port = service["spec"]["ports"][0]["port"]
    assert trigger["type"] == "metrics-api"
    assert trigger["metadata"]["url"] == f"http://{host}:{port}/health/scaling"
    assert trigger["metadata"]["valueLocation"] == METRIC_NAME
    assert trigger["metadata"]["targetValue"] == "1"
    assert "replicas" not in named("Deployment", "curator-worker")["spec"]


def test_nothing_may_connect_unless_a_policy_says_so() -> None:
    closed = named("NetworkPolicy", "curator-closed")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opening = {
        one["metadata"]["name"]
        for one in MANIFESTS
        if one["kind"] == "NetworkPolicy" and "ingress" in one["spec"]
    }
    assert opening == {"curator-web", "curator-metrics"}
    web = named("NetworkPolicy", "curator-web")["spec"]
    assert web["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"
    fetch = named("NetworkPolicy", "curator-fetch")["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"169.254.0.0/16", "10.0.0.0/8", "127.0.0.0/8"} <= set(fetch["except"])


def test_disruptions_are_bounded() -> None:
    for role in ROLES:
        budget = named("PodDisruptionBudget", f"curator-{role}")["spec"]
        labels = pod_labels(role)
        assert budget["selector"]["matchLabels"].items() <= labels.items()


def pod_labels(role: str) -> dict[str, str]:
    deployment = named("Deployment", f"curator-{role}")["spec"]
    labels: dict[str, str] = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    return labels
