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

  name                = "curator-test"
  vpc_cidr            = "10.20.0.0/16"
  nat_gateways        = 1
  queue               = { durable = false, node_type = "cache.t4g.micro", replicas = 0, snapshot_days = 1 }
  web                 = { cpu = 256, memory = 512, least = 1, most = 2 }
  worker              = { cpu = 1024, memory = 2048, slots = 8, max_workers = 4, on_demand_base = 0, on_demand_weight = 0, spot_weight = 1 }
  fargate_vcpu_quota  = 6
  log_days            = 7
  container_insights  = false
  deletion_protection = false
}

run "whole" {
  command = plan
  assert {
    condition     = output.url == "https://curator.example.com" && strcontains(output.queue_promise, "NOT durable")
    error_message = "The outputs must say where the service is, and what its queue promises."
  }
}

run "slots_of_zero" {
  command = plan
  variables {
    worker = { cpu = 1024, memory = 2048, slots = 0, max_workers = 4, on_demand_base = 0, on_demand_weight = 0, spot_weight = 1 }
  }
  expect_failures = [var.worker]
}

run "max_below_min" {
  command = plan
  variables {
    worker = { cpu = 1024, memory = 2048, slots = 8, min_workers = 5, max_workers = 4, on_demand_base = 0, on_demand_weight = 0, spot_weight = 1 }
  }
  expect_failures = [var.worker]
}

run "a_digest_that_is_a_tag" {
  command = plan
  variables {
    image_digest = "latest"
  }
  expect_failures = [var.image_digest]
}

run "a_secret_among_the_settings" {
  command = plan
  variables {
    settings = { NEWSAPI_KEY = "in the state" }
  }
  expect_failures = [var.settings]
}

run "an_unknown_secret" {
  command = plan
  variables {
    secret_names = ["HOME"]
  }
  expect_failures = [var.secret_names]
}

run "a_domain_that_is_an_address" {
  command = plan
  variables {
    domain = "203.0.113.7"
  }
  expect_failures = [var.domain]
}
