mock_provider "aws" {}

variables {
  name          = "curator-test"
  durable       = true
  node_type     = "cache.m7g.large"
  replicas      = 1
  snapshot_days = 7
  password      = "a-password-for-the-test-00000000000"
  vpc_id        = "vpc-0123456789abcdef0"
  subnet_ids    = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
}

run "durable" {
  command = plan
  assert {
    condition     = aws_elasticache_replication_group.this.durability == "sync" && aws_elasticache_replication_group.this.cluster_mode == "enabled"
    error_message = "A durable queue writes to its log before it answers, which needs cluster mode."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.num_node_groups == 1
    error_message = "All keys are in one slot: a second shard would stay empty."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "A durable queue must fail over to another zone."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "Connections must be encrypted."
  }
  assert {
    condition     = one([for parameter in aws_elasticache_parameter_group.this.parameter : parameter.value if parameter.name == "maxmemory-policy"]) == "noeviction"
    error_message = "A full queue must drop no job."
  }
  assert {
    condition     = aws_elasticache_user.curator.passwords_wo == null && !strcontains(aws_elasticache_user.curator.access_string, "nopass")
    error_message = "The user must have a password, which is in no plan."
  }
  assert {
    condition     = strcontains(aws_elasticache_user.curator.access_string, "~{curator}:*") && !strcontains(aws_elasticache_user.curator.access_string, "~*")
    error_message = "The user may touch the ledger's keys only."
  }
  assert {
    condition     = output.node_ids == ["curator-test-0001-001", "curator-test-0001-002"]
    error_message = "Alarms must watch the primary and the replica."
  }
}

run "small" {
  command = plan
  variables {
    durable   = false
    node_type = "cache.t4g.micro"
    replicas  = 0
  }
  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 1
    error_message = "Without durable there is one node."
  }
  assert {
    condition     = strcontains(output.promise, "NOT durable")
    error_message = "The output must say that jobs may be lost."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "Connections must be encrypted."
  }
}

run "durable_on_a_small_node" {
  command = plan
  variables {
    node_type = "cache.t4g.micro"
  }
  expect_failures = [var.node_type]
}

run "durable_on_another_family" {
  command = plan
  variables {
    node_type = "cache.m5.large"
  }
  expect_failures = [var.node_type]
}

run "durable_without_a_replica" {
  command = plan
  variables {
    replicas = 0
  }
  expect_failures = [var.replicas]
}

run "a_prefix_without_a_tag" {
  command = plan
  variables {
    key_prefix = "curator:"
  }
  expect_failures = [var.key_prefix]
}

run "a_short_password" {
  command = plan
  variables {
    password = "short"
  }
  expect_failures = [var.password]
}

run "a_password_that_breaks_the_url" {
  command = plan
  variables {
    password = "a/password@with:signs-0000000000000"
  }
  expect_failures = [var.password]
}

run "a_single_subnet" {
  command = plan
  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }
  expect_failures = [var.subnet_ids]
}

run "snapshots_for_too_long" {
  command = plan
  variables {
    snapshot_days = 36
  }
  expect_failures = [var.snapshot_days]
}
