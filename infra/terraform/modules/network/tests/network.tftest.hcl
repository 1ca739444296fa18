mock_provider "aws" {}

variables {
  name               = "curator-test"
  region             = "eu-central-1"
  vpc_cidr           = "10.20.0.0/16"
  availability_zones = ["eu-central-1a", "eu-central-1b"]
  nat_gateways       = 1
  kms_key_arn        = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
}

run "private_subnets_have_a_way_out_and_none_in" {
  command = plan
  assert {
    condition     = alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch]) && alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "No subnet may give out public addresses."
  }
  assert {
    condition     = length(aws_route.private) == 2 && length(aws_nat_gateway.this) == 1
    error_message = "Each private subnet needs a route through the NAT gateway."
  }
  assert {
    condition     = length(distinct(concat(values(aws_subnet.public)[*].cidr_block, values(aws_subnet.private)[*].cidr_block))) == 4
    error_message = "Each subnet needs addresses of its own."
  }
  assert {
    condition     = length(aws_flow_log.this) == 0
    error_message = "Without flow_log_days no flow logs are written."
  }
}

run "a_gateway_for_each_zone" {
  command = plan
  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    nat_gateways       = 3
    flow_log_days      = 14
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_subnet.private) == 3
    error_message = "Each zone must have its own gateway."
  }
  assert {
    condition     = aws_cloudwatch_log_group.flow[0].retention_in_days == 14
    error_message = "Flow logs must be kept for flow_log_days."
  }
}

run "more_gateways_than_zones" {
  command = plan
  variables {
    nat_gateways = 3
  }
  expect_failures = [var.nat_gateways]
}

run "no_gateway" {
  command = plan
  variables {
    nat_gateways = 0
  }
  expect_failures = [var.nat_gateways]
}

run "a_public_network" {
  command = plan
  variables {
    vpc_cidr = "8.8.0.0/16"
  }
  expect_failures = [var.vpc_cidr]
}

run "a_network_too_small" {
  command = plan
  variables {
    vpc_cidr = "10.20.0.0/24"
  }
  expect_failures = [var.vpc_cidr]
}

run "one_zone" {
  command = plan
  variables {
    availability_zones = ["eu-central-1a"]
  }
  expect_failures = [var.availability_zones]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Curator"
  }
  expect_failures = [var.name]
}

run "days_that_cloudwatch_does_not_know" {
  command = plan
  variables {
    flow_log_days = 2
  }
  expect_failures = [var.flow_log_days]
}
