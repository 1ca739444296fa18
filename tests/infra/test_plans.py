"""What Terraform would make: asserts on the recorded plans, which find each fault put into them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tasks.cloudwatch import DIMENSION, METRICS, NAMESPACE
from tasks.settings import read_settings
from tests.infra.plan import (
    Plan,
    containers,
    differences,
    environment,
    faults,
    from_terraform,
    recorded,
)

SIGNAL = (NAMESPACE, set(METRICS), DIMENSION)

ENVIRONMENTS = ("dev", "prod")

Change = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_plan_has_no_faults(name: str) -> None:
    assert faults(recorded(name), SIGNAL) == []


def policy(document: dict[str, Any], **changes: Any) -> None:
    content = json.loads(document["values"]["policy"])
    content["Statement"][0].update(changes)
    document["values"]["policy"] = json.dumps(content)


def container(document: dict[str, Any], **changes: Any) -> None:
    [content] = json.loads(document["values"]["container_definitions"])
    content.update(changes)
    document["values"]["container_definitions"] = json.dumps([content])


def variable(document: dict[str, Any], name: str, value: str) -> None:
    [content] = json.loads(document["values"]["container_definitions"])
    variables = [one for one in content["environment"] if one["name"] != name]
    container(document, environment=[*variables, {"name": name, "value": value}])


EXECUTION = "module.worker.aws_iam_role_policy.execution"
WEB = "module.web.aws_ecs_task_definition.this"
WORKER = "module.worker.aws_ecs_task_definition.this"
QUEUE_RULE = "module.worker.aws_vpc_security_group_ingress_rule.queue_from_here"
DOOR = 'aws_vpc_security_group_ingress_rule.https["203.0.113.0/24"]'

WRONG: Mapping[str, tuple[str, Change, str]] = {
    "all actions": (EXECUTION, lambda one: policy(one, Action=["s3:*"]), "does not name"),
    "all resources": (EXECUTION, lambda one: policy(one, Resource=["*"]), "for all resources"),
    "two images": (
        WEB,
        lambda one: container(one, image="r/c@sha256:" + "0" * 64),
        "the same image",
    ),
    "a tag": (WEB, lambda one: container(one, image="r/c:latest"), "by its digest"),
    "another command": (WEB, lambda one: container(one, command=["worker"]), "the command of web"),
    "an unknown alarm": (
        'promise["queue-old"]',
        lambda one: one["values"].update(metric_name="oldest"),
        "watches a metric that web does not emit",
    ),
    "an unknown part of an expression": (
        "aws_cloudwatch_metric_alarm.jobs_fail",
        lambda one: one["values"]["metric_query"][-1]["metric"][0].update(metric_name="jobs"),
        "watches a metric that web does not emit",
    ),
    "an unknown graph": (
        "aws_cloudwatch_dashboard.this",
        lambda one: one["values"].update(
            dashboard_body=one["values"]["dashboard_body"].replace("leases_lost", "leases")
        ),
        "watches a metric that web does not emit",
    ),
    "no setting": (WORKER, lambda one: variable(one, "WORKERS", "3"), "which is no setting"),
    "a secret": (
        WORKER,
        lambda one: variable(one, "EGRESS_PROXY", "http://user:password@proxy:3128"),
        "a secret in EGRESS_PROXY",
    ),
    "another metric": (
        "aws_cloudwatch_metric_alarm.work",
        lambda one: one["values"].update(metric_name="outstanding"),
        "a metric that web does not emit",
    ),
    "another dimension": (
        "aws_cloudwatch_metric_alarm.work",
        lambda one: one["values"].update(dimensions={"cluster": "curator"}),
        "a dimension that web does not emit",
    ),
    "an open queue": (
        QUEUE_RULE,
        lambda one: one["values"].update(cidr_ipv4="10.0.0.0/8"),
        "past the load balancer",
    ),
    "an open door": (
        DOOR,
        lambda one: one["values"].update(cidr_ipv4="0.0.0.0/0"),
        "lets everybody in",
    ),
    "a public task": (
        "module.worker.aws_ecs_service.this",
        lambda one: one["values"]["network_configuration"][0].update(assign_public_ip=True),
        "has public addresses",
    ),
    "old TLS": (
        "aws_lb_listener.https",
        lambda one: one["values"].update(ssl_policy="ELBSecurityPolicy-2016-08"),
        "less than TLS 1.3",
    ),
    "a plain queue": (
        "aws_elasticache_replication_group.this",
        lambda one: one["values"].update(transit_encryption_mode="preferred"),
        "without TLS",
    ),
    "a kept password": (
        "aws_elasticache_user.curator",
        lambda one: one["values"].update(passwords=["seen"]),
        "passwords in the plan",
    ),
    "killed too soon": (WORKER, lambda one: container(one, stopTimeout=30), "is killed before"),
    "closed too soon": (
        WEB,
        lambda one: variable(one, "HTTP_IDLE_TIMEOUT", "5"),
        "before the load balancer does",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_fault_is_found(wrong: str) -> None:
    address_end, change, message = WRONG[wrong]
    changed = _changed(recorded("prod"), address_end, change)
    assert any(message in fault for fault in faults(changed, SIGNAL)), faults(changed, SIGNAL)


def _changed(plan: Plan, address_end: str, change: Change) -> Plan:
    resources: dict[str, list[dict[str, Any]]] = {
        "resources": [
            {"address": one.address, "type": one.type, "values": copy.deepcopy(one.values)}
            for one in plan.resources
        ]
    }
    [resource] = [one for one in resources["resources"] if one["address"].endswith(address_end)]
    change(resource)
    return from_terraform({"planned_values": {"root_module": resources}})


def test_a_recorded_plan_that_is_not_current_is_told_from_one_that_is() -> None:
    plan = recorded("prod")
    assert list(differences(plan, plan)) == []
    changed = _changed(plan, ".aws_lb.this", lambda one: one["values"].update(idle_timeout=61))
    [difference] = differences(plan, changed)
    assert difference.endswith("aws_lb.this: idle_timeout differs")
    less = Plan(resources=plan.resources[1:])
    assert len(list(differences(plan, less))) == len(list(differences(less, plan))) == 1


def test_prod_keeps_its_promise_and_dev_is_small() -> None:
    [durable] = recorded("prod").of_type("aws_elasticache_replication_group")
    assert (durable.values["durability"], durable.values["cluster_mode"]) == ("sync", "enabled")
    assert durable.values["multi_az_enabled"]
    [small] = recorded("dev").of_type("aws_elasticache_replication_group")
    assert "durability" not in small.values
    assert small.values["node_type"] == "cache.t4g.micro"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_web_is_open_behind_the_load_balancer_only(name: str) -> None:
    plan = recorded(name)
    web = environment(containers(plan)["web"])
    assert web["UNSAFE_OPEN"] == "1"
    assert web["ALLOWED_HOSTS"] == "curator.example.com"
    subnets = [one for one in plan.of_type("aws_subnet") if ".public[" in one.address]
    assert web["TRUSTED_PROXIES"].split(",") == [one.values["cidr_block"] for one in subnets]
    assert "UNSAFE_OPEN" not in environment(containers(plan)["worker"])
    rule = plan.one("aws_vpc_security_group_ingress_rule", ".from_load_balancer[0]")
    [balancer] = plan.of_type("aws_lb")
    assert [rule.values["referenced_security_group_id"]] == balancer.values["security_groups"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_containers_can_write_nothing_but_tmp_and_are_not_root(name: str) -> None:
    for container in containers(recorded(name)).values():
        assert container["readonlyRootFilesystem"]
        assert container["user"] == "10001"
        assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
        assert [one["containerPath"] for one in container["mountPoints"]] == ["/tmp"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_settings_are_accepted_with_the_secret_that_terraform_writes(name: str) -> None:
    """In the form of modules/curator: TLS, the queue's user, its password, its address."""
    plan = recorded(name)
    [user] = plan.of_type("aws_elasticache_user")
    redis_url = f"rediss://{user.values['user_name']}:{'0' * 64}@queue.example:6379/0"
    for container in containers(plan).values():
        assert [secret["name"] for secret in container["secrets"]] == ["REDIS_URL"]
        settings = read_settings({**environment(container), "REDIS_URL": redis_url})
        assert settings.key_prefix == "{curator}:"
        assert settings.redis_url == redis_url
