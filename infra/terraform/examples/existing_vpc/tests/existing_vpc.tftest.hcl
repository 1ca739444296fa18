mock_provider "aws" {}

variables {
  region             = "eu-central-1"
  account_id         = "123456789012"
  vpc_id             = "vpc-0123456789abcdef0"
  private_subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  cluster            = { name = "shared", arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/shared" }
  domain             = "curator.example.com"
  image              = "registry.example.com/curator@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  queue_password     = "a-password-for-the-test-00000000000"
  load_balancer = {
    target_group_arn  = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/0123456789abcdef"
    security_group_id = "sg-0123456789abcdef1"
    cidrs             = ["10.0.0.0/20"]
  }
}

run "modules_fit_into_what_is_there" {
  command = plan
  assert {
    condition     = startswith(output.queue_promise, "Durable") && output.signal.metric_name == "workers_wanted"
    error_message = "The example must be durable, and its workers must follow the signal."
  }
}

run "not_a_vpc" {
  command = plan
  variables {
    vpc_id = "my-vpc"
  }
  expect_failures = [var.vpc_id]
}
