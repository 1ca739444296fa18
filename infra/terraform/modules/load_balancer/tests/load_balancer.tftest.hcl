mock_provider "aws" {}

variables {
  name                = "curator-test"
  vpc_id              = "vpc-0123456789abcdef0"
  subnet_ids          = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  allowed_cidrs       = ["203.0.113.0/24", "2001:db8::/32"]
  certificate_arn     = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
  deletion_protection = true
}

run "tls_from_the_allowed_networks" {
  command = plan
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && strcontains(aws_lb_listener.https.ssl_policy, "TLS13-1-3")
    error_message = "The listener must speak TLS 1.3 alone."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.https) == 2 && alltrue([for rule in aws_vpc_security_group_ingress_rule.https : rule.from_port == 443 && rule.to_port == 443])
    error_message = "Each allowed network may reach port 443 and no other."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.https["2001:db8::/32"].cidr_ipv6 == "2001:db8::/32" && aws_vpc_security_group_ingress_rule.https["2001:db8::/32"].cidr_ipv4 == null
    error_message = "IPv6 networks need a rule for IPv6."
  }
}

run "open_to_all" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "open_to_all_of_ipv6" {
  command = plan
  variables {
    allowed_cidrs = ["203.0.113.0/24", "::/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "open_in_two_halves" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "open_in_another_spelling" {
  command = plan
  variables {
    allowed_cidrs = ["203.0.113.7/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "no_network" {
  command = plan
  variables {
    allowed_cidrs = []
  }
  expect_failures = [var.allowed_cidrs]
}

run "not_a_network" {
  command = plan
  variables {
    allowed_cidrs = ["everybody"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "not_a_certificate" {
  command = plan
  variables {
    certificate_arn = "my-certificate"
  }
  expect_failures = [var.certificate_arn]
}
