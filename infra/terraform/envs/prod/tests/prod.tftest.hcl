mock_provider "aws" {}

variables {
  account_id         = "123456789012"
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b"]
  domain             = "curator.example.com"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
  allowed_cidrs      = ["203.0.113.0/24"]
  image_digest       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  queue_password     = "a-password-for-the-test-00000000000"

  fargate_vcpu_quota = 20
}

run "durable" {
  command = plan
  assert {
    condition     = startswith(output.queue_promise, "Durable")
    error_message = "prod must keep what was answered with 202."
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
    allowed_cidrs = ["::/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "a_digest_that_is_a_tag" {
  command = plan
  variables {
    image_digest = "v1.2.3"
  }
  expect_failures = [var.image_digest]
}

run "a_zone_of_another_region" {
  command = plan
  variables {
    availability_zones = ["eu-west-1a", "eu-west-1b"]
  }
  expect_failures = [var.availability_zones]
}

run "a_short_password" {
  command = plan
  variables {
    queue_password = "short"
  }
  expect_failures = [var.queue_password]
}

run "a_version_of_zero" {
  command = plan
  variables {
    secrets_version = 0
  }
  expect_failures = [var.secrets_version]
}

run "no_worker" {
  command = plan
  variables {
    max_workers = 0
  }
  expect_failures = [var.max_workers]
}

run "a_node_without_durability" {
  command = plan
  variables {
    queue_node_type = "cache.t4g.medium"
  }
  expect_failures = [var.queue_node_type]
}

run "min_above_max" {
  command = plan
  variables {
    min_workers = 11
  }
  expect_failures = [var.min_workers]
}
