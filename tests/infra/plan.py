"""A Terraform plan, and what is wrong with one.

Terraform writes a plan as JSON (`terraform show -json`). The tests read recorded ones, which
`scripts/check-infra` compares with what Terraform plans today: `python -m tests.infra.plan NAME
PLAN.json [--record]`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from tasks.settings import Settings, setting_rows

FOLDER = Path(__file__).parent / "plans"

NOT_RECORDED = {"arn", "arn_without_revision", "id", "region", "revision", "tags_all"}
"""Attributes that AWS decides."""

WITHOUT_RESOURCES = {"ecr:GetAuthorizationToken"}
"""Actions that AWS grants for all resources or for none."""

SECRET_ATTRIBUTES = {"auth_token", "password", "passwords", "secret_binary", "secret_string"}


class Resource(Struct, frozen=True, kw_only=True):
    address: str
    type: str
    values: dict[str, Any]


class Plan(Struct, frozen=True, kw_only=True):
    resources: tuple[Resource, ...]

    def of_type(self, name: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == name]

    def one(self, name: str, address_end: str) -> Resource:
        [resource] = [one for one in self.of_type(name) if one.address.endswith(address_end)]
        return resource


def recorded(name: str) -> Plan:
    """Of an environment: dev or prod."""
    return _plan(json.loads((FOLDER / f"{name}.json").read_text()))


def from_terraform(document: Mapping[str, Any]) -> Plan:
    """`terraform show -json PLAN`, without what the provider has yet to compute."""

    def walk(module: Mapping[str, Any]) -> Iterator[Resource]:
        for resource in module.get("resources", ()):
            values = {
                name: value
                for name, value in resource["values"].items()
                if name not in NOT_RECORDED
                and value not in (None, [], {})
                and not _invented(resource["type"], name, value)
            }
            yield Resource(address=resource["address"], type=resource["type"], values=values)
        for child in module.get("child_modules", ()):
            yield from walk(child)

    resources = walk(document["planned_values"]["root_module"])
    return Plan(resources=tuple(sorted(resources, key=lambda resource: resource.address)))


def _invented(kind: str, name: str, value: Any) -> bool:
    """Whether the kit has made this value up in place of AWS."""
    return isinstance(value, str) and value.startswith(f"{kind}-{name}-")


def differences(plan: Plan, fresh: Plan) -> Iterator[str]:
    """Where a recorded plan is not what Terraform plans now, as far as it knows."""
    before = {resource.address: resource for resource in plan.resources}
    after = {resource.address: resource for resource in fresh.resources}
    yield from sorted(f"{address} is not planned any more" for address in before.keys() - after)
    yield from sorted(f"{address} is not recorded" for address in after.keys() - before)
    for address in sorted(before.keys() & after):
        for name, value in sorted(after[address].values.items()):
            if before[address].values.get(name) != value:
                yield f"{address}: {name} differs"


# What is wrong with a plan. Each of these yields a sentence for each fault.


def faults(plan: Plan, signal: tuple[str, set[str], str]) -> list[str]:
    """`signal`: the namespace, metrics and dimension that web emits."""
    return [
        *_wildcards(plan),
        *_images(plan),
        *_unknown_settings(plan),
        *_unknown_metrics(plan, signal),
        *_open_doors(plan),
        *_secrets(plan),
        *_timing(plan),
    ]


def containers(plan: Plan) -> dict[str, dict[str, Any]]:
    """The containers of web and worker by their role."""
    definitions = plan.of_type("aws_ecs_task_definition")
    return {
        container["name"]: container
        for definition in definitions
        for container in json.loads(definition.values["container_definitions"])
    }


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["environment"]}


def _statements(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in plan.resources:
        for name in ("policy", "assume_role_policy"):
            document = json.loads(resource.values.get(name) or "{}")
            for statement in document.get("Statement", ()):
                yield resource.address, statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _wildcards(plan: Plan) -> Iterator[str]:
    for address, statement in _statements(plan):
        actions = _listed(statement.get("Action", "*"))
        if any("*" in action for action in actions):
            yield f"{address} allows actions that it does not name"
        # In the policy of a key "*" is that key. That of an endpoint grants nothing, it limits.
        bound = any(kind in address for kind in (".aws_kms_key.", ".aws_vpc_endpoint."))
        if "Resource" not in statement or bound:
            continue
        if "*" in _listed(statement["Resource"]) and not set(actions) <= WITHOUT_RESOURCES:
            yield f"{address} allows {', '.join(actions)} for all resources"


def _images(plan: Plan) -> Iterator[str]:
    found = containers(plan)
    if found.keys() != {"web", "worker"}:
        yield f"there must be a web and a worker, not {', '.join(sorted(found)) or 'nothing'}"
    images = {container["image"] for container in found.values()}
    if len(images) != 1:
        yield "web and worker do not run the same image"
    for image in images:
        digest = image.rpartition("@sha256:")[2]
        if len(digest) != 64 or "@" not in image:
            yield f"{image} is not named by its digest"
    for role, container in found.items():
        if container["command"] != [role]:
            yield f"the command of {role} is {container['command']}"


def _unknown_settings(plan: Plan) -> Iterator[str]:
    known = {row.name for row in setting_rows(Settings())}
    for role, container in containers(plan).items():
        names = {*environment(container), *(secret["name"] for secret in container["secrets"])}
        for name in sorted(names - known):
            yield f"{role} is given {name}, which is no setting"


def _unknown_metrics(plan: Plan, signal: tuple[str, set[str], str]) -> Iterator[str]:
    namespace, metrics, dimension = signal
    ours = [(who, it) for who, it in _watched(plan) if not it[0].startswith(OF_OTHERS)]
    if not ours:
        yield "no alarm watches what web emits"
    for address, (found_in, name, dimensions) in ours:
        if found_in != namespace or name not in metrics:
            yield f"{address} watches a metric that web does not emit"
        if dimensions != {dimension}:
            yield f"{address} watches a dimension that web does not emit"


OF_OTHERS = ("AWS/", "ECS/")
"""Namespaces of the cloud's own metrics."""


def alarm_metrics(plan: Plan) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """What each alarm watches: one metric, or those that its expression is made of."""
    for alarm in plan.of_type("aws_cloudwatch_metric_alarm"):
        queries = [it["metric"][0] for it in alarm.values.get("metric_query") or () if it["metric"]]
        for it in queries or [alarm.values]:
            yield alarm, it


def _watched(plan: Plan) -> Iterator[tuple[str, tuple[str, str, set[str]]]]:
    """Namespace, name and dimensions of each metric that an alarm or a dashboard shows."""
    for alarm, it in alarm_metrics(plan):
        yield alarm.address, (it["namespace"], it["metric_name"], set(it["dimensions"]))
    for board in plan.of_type("aws_cloudwatch_dashboard"):
        for widget in json.loads(board.values["dashboard_body"])["widgets"]:
            for namespace, name, *rest in widget["properties"]["metrics"]:
                dimensions = [it for it in rest if isinstance(it, str)][::2]
                yield board.address, (namespace, name, set(dimensions))


def _open_doors(plan: Plan) -> Iterator[str]:
    balancers = plan.of_type("aws_lb")
    of_balancers = {group for balancer in balancers for group in balancer.values["security_groups"]}
    for rule in plan.of_type("aws_vpc_security_group_ingress_rule"):
        networks = [rule.values.get("cidr_ipv4"), rule.values.get("cidr_ipv6")]
        if not any(networks):
            continue
        if rule.values["security_group_id"] not in of_balancers:
            yield f"{rule.address} lets a network in, past the load balancer"
        if {"0.0.0.0/0", "::/0"} & set(networks):
            yield f"{rule.address} lets everybody in"
    for group in plan.of_type("aws_security_group"):
        if "ingress" in group.values:
            yield f"{group.address} has rules of its own"
    for service in plan.of_type("aws_ecs_service"):
        if service.values["network_configuration"][0]["assign_public_ip"]:
            yield f"{service.address} has public addresses"
    for subnet in plan.of_type("aws_subnet"):
        if subnet.values["map_public_ip_on_launch"]:
            yield f"{subnet.address} gives out public addresses"
    for listener in plan.of_type("aws_lb_listener"):
        if "TLS13-1-3" not in listener.values.get("ssl_policy", ""):
            yield f"{listener.address} speaks less than TLS 1.3"
    for queue in plan.of_type("aws_elasticache_replication_group"):
        if queue.values.get("transit_encryption_mode") != "required":
            yield f"{queue.address} takes connections without TLS"


def _secrets(plan: Plan) -> Iterator[str]:
    for resource in plan.resources:
        for name in sorted(SECRET_ATTRIBUTES & resource.values.keys()):
            yield f"{resource.address} has {name} in the plan"
    for role, container in containers(plan).items():
        for name, value in environment(container).items():
            if "://" in value and "@" in value:
                yield f"{role} has a secret in {name}"


def _timing(plan: Plan) -> Iterator[str]:
    """Of two that wait for each other, the right one must give up first."""
    found = containers(plan)
    web, worker = environment(found["web"]), environment(found["worker"])
    if float(worker.get("SHUTDOWN_GRACE", 100)) >= found["worker"]["stopTimeout"]:
        yield "a worker is killed before it has handed back what it runs"
    for balancer in plan.of_type("aws_lb"):
        if float(web.get("HTTP_IDLE_TIMEOUT", 5)) <= balancer.values["idle_timeout"]:
            yield "web closes idle connections before the load balancer does"


def _plan(document: Mapping[str, Any]) -> Plan:
    return Plan(
        resources=tuple(
            Resource(address=address, type=entry["type"], values=entry["values"])
            for address, entry in document.items()
        )
    )


def _document(plan: Plan) -> dict[str, Any]:
    return {one.address: {"type": one.type, "values": one.values} for one in plan.resources}


def main(name: str, file: str, option: str | None = None) -> int:
    fresh = from_terraform(json.loads(Path(file).read_text()))
    target = FOLDER / f"{name}.json"
    if option == "--record":
        target.write_text(json.dumps(_document(fresh), indent=1, ensure_ascii=False) + "\n")
        return 0
    found = list(differences(recorded(name), fresh))
    for difference in found[:20]:
        sys.stderr.write(f"{target.name}: {difference}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
