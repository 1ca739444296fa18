# ElastiCache for Valkey. Durable: cluster mode with one shard, whose log is in two zones before a write is
# answered. Otherwise one small node, for trying things out. Either way TLS, and a user with a password.

resource "aws_security_group" "this" {
  name        = "${var.name}-queue"
  description = "Valkey of ${var.name}: from web and workers alone"
  vpc_id      = var.vpc_id

  # Rules are made where the clients are, each with the client's group as its source; none goes out.
  tags = { Name = "${var.name}-queue" }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-valkey9"
  family = "valkey9"

  # A full ledger must refuse what adds work; it must never drop a job.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }

  dynamic "parameter" {
    for_each = var.durable ? ["yes"] : []
    content {
      name  = "cluster-enabled"
      value = parameter.value
    }
  }
}

# What the ledger needs, and its own keys and channels alone. INFO is asked for the server's version and memory.
resource "aws_elasticache_user" "curator" {
  user_id              = "${var.name}-curator"
  user_name            = "curator"
  engine               = "valkey"
  access_string        = "on ~${var.key_prefix}* &${var.key_prefix}* +@all -@admin -@dangerous +info"
  passwords_wo         = var.password
  passwords_wo_version = var.password_version
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.curator.user_id]
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "The ledger of ${var.name}"

  engine               = "valkey"
  engine_version       = "9.0"
  node_type            = var.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = 6379

  cluster_mode            = var.durable ? "enabled" : "disabled"
  durability              = var.durable ? "sync" : null
  num_node_groups         = var.durable ? 1 : null
  replicas_per_node_group = var.durable ? var.replicas : null
  num_cache_clusters      = var.durable ? null : 1 + var.replicas

  #checkov:skip=CKV2_AWS_50:dev has one node and says so; with durable both are on
  automatic_failover_enabled = var.replicas > 0
  multi_az_enabled           = var.replicas > 0

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  #checkov:skip=CKV_AWS_31:a user with a password in place of the one token for all
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  snapshot_retention_limit   = var.snapshot_days
  snapshot_window            = var.snapshot_days > 0 ? "02:00-03:00" : null
  snapshot_name              = var.restore_from
  final_snapshot_identifier  = var.durable ? "${var.name}-final" : null
  maintenance_window         = "sun:03:30-sun:04:30"
  auto_minor_version_upgrade = true
  apply_immediately          = true
}
