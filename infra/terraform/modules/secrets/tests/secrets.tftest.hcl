mock_provider "aws" {}

variables {
  name       = "curator-test"
  account_id = "123456789012"
  region     = "eu-central-1"
  names      = ["REDIS_URL", "NEWSAPI_KEY"]
  values     = { REDIS_URL = "rediss://curator:not-to-be-seen@queue:6379/0", NEWSAPI_KEY = "not-to-be-seen" }
}

run "values_are_not_kept" {
  command = plan
  assert {
    condition     = length(aws_secretsmanager_secret_version.this) == 2
    error_message = "Each name must become a secret."
  }
  assert {
    condition     = alltrue([for version in aws_secretsmanager_secret_version.this : version.secret_string_wo == null])
    error_message = "A value may be in no plan and no state."
  }
}

run "the_key_may_be_used_by_name_only" {
  command = plan
  assert {
    condition     = !strcontains(jsonencode([for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Action]), "*")
    error_message = "The key's policy must name its actions."
  }
  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key must be rotated."
  }
}

run "a_name_that_is_no_setting" {
  command = plan
  variables {
    names = ["redis-url"]
  }
  expect_failures = [var.names]
}

run "an_account_with_a_letter" {
  command = plan
  variables {
    account_id = "12345678901x"
  }
  expect_failures = [var.account_id]
}

run "no_time_to_recover" {
  command = plan
  variables {
    recovery_days = 0
  }
  expect_failures = [var.recovery_days]
}

run "a_version_of_zero" {
  command = plan
  variables {
    values_version = 0
  }
  expect_failures = [var.values_version]
}
