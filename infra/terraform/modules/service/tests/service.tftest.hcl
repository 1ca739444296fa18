mock_provider "aws" {}

variables {
  name                    = "curator-test"
  role                    = "worker"
  region                  = "eu-central-1"
  cluster                 = { name = "curator-test", arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/curator-test" }
  image                   = "registry.example.com/curator@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  architecture            = "ARM64"
  cpu                     = 1024
  memory                  = 2048
  tasks                   = 0
  capacity                = { on_demand_base = 1, on_demand_weight = 1, spot_weight = 3 }
  stop_seconds            = 120
  environment             = { SHUTDOWN_GRACE = "100" }
  log_days                = 30
  vpc_id                  = "vpc-0123456789abcdef0"
  subnet_ids              = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  queue_security_group_id = "sg-0123456789abcdef0"
  outgoing_ports          = [80, 443]
  kms_key_arn             = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
}

run "worker" {
  command = plan
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.from_load_balancer) == 0 && length(aws_appautoscaling_target.cpu) == 0
    error_message = "Nothing may connect to a worker, and its number follows the work."
  }
  assert {
    condition     = { for part in aws_ecs_service.this.capacity_provider_strategy : part.capacity_provider => part.weight } == { FARGATE = 1, FARGATE_SPOT = 3 }
    error_message = "Workers beyond the base must be shared between on demand and Spot by weight."
  }
  assert {
    condition     = one([for part in aws_ecs_service.this.capacity_provider_strategy : part.base if part.capacity_provider == "FARGATE"]) == 1
    error_message = "The base must be on demand."
  }
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && !aws_ecs_service.this.enable_execute_command
    error_message = "A task must have no public address and no shell."
  }
  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "A release that does not start must go back."
  }
  assert {
    condition     = jsondecode(aws_iam_role.task.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Tasks of other accounts must not get this role."
  }
  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.protect[0].policy).Statement[0].Action) == toset(["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]) && jsondecode(aws_iam_role_policy.protect[0].policy).Statement[0].Resource == ["arn:aws:ecs:eu-central-1:123456789012:task/curator-test/*"]
    error_message = "A worker may protect tasks of its own cluster, and nothing else."
  }
}

run "web" {
  command = plan
  variables {
    role           = "web"
    tasks          = 2
    cpu_scaling    = { least = 2, most = 4 }
    capacity       = { on_demand_base = 2, on_demand_weight = 1, spot_weight = 0 }
    outgoing_ports = [443]
    load_balancer = {
      target_group_arn  = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/curator-test-web/0123456789abcdef"
      security_group_id = "sg-0123456789abcdef1"
    }
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.from_load_balancer[0].referenced_security_group_id == "sg-0123456789abcdef1" && aws_vpc_security_group_ingress_rule.from_load_balancer[0].cidr_ipv4 == null
    error_message = "The load balancer alone may connect to web."
  }
  assert {
    condition     = length(aws_iam_role_policy.protect) == 0
    error_message = "Web's code needs no permission."
  }
  assert {
    condition     = toset([for part in aws_ecs_service.this.capacity_provider_strategy : part.capacity_provider]) == toset(["FARGATE"])
    error_message = "Web must not be on Spot."
  }
  assert {
    condition     = aws_appautoscaling_target.cpu[0].min_capacity == 2 && aws_appautoscaling_target.cpu[0].max_capacity == 4
    error_message = "Web must follow its processor within its bounds."
  }
}

run "an_image_by_its_tag" {
  command = plan
  variables {
    image = "registry.example.com/curator:latest"
  }
  expect_failures = [var.image]
}

run "an_unknown_role" {
  command = plan
  variables {
    role = "scheduler"
  }
  expect_failures = [var.role]
}

run "memory_that_fargate_does_not_offer" {
  command = plan
  variables {
    memory = 1024
  }
  expect_failures = [var.memory]
}

run "killed_before_handing_back" {
  command = plan
  variables {
    stop_seconds = 100
  }
  expect_failures = [var.stop_seconds]
}

run "longer_than_fargate_waits" {
  command = plan
  variables {
    stop_seconds = 121
  }
  expect_failures = [var.stop_seconds]
}

run "nowhere_to_start" {
  command = plan
  variables {
    capacity = { on_demand_base = 1, on_demand_weight = 0, spot_weight = 0 }
  }
  expect_failures = [var.capacity]
}

run "no_way_to_the_registry" {
  command = plan
  variables {
    outgoing_ports = [80]
  }
  expect_failures = [var.outgoing_ports]
}

run "most_below_least" {
  command = plan
  variables {
    cpu_scaling = { least = 3, most = 2 }
  }
  expect_failures = [var.cpu_scaling]
}
