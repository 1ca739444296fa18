output "user_name" {
  description = "The user of web and worker: REDIS_URL is rediss://USER:PASSWORD@ADDRESS:6379/0."
  value       = aws_elasticache_user.curator.user_name
}

output "address" {
  description = "The host that clients connect to."
  value       = local.address
}

output "security_group_id" {
  description = "The queue's security group, to which each client adds a rule for itself."
  value       = aws_security_group.this.id
}

output "node_ids" {
  description = "The names under which CloudWatch has the metrics of the nodes."
  value       = [for number in range(1, 2 + var.replicas) : format(var.durable ? "%s-0001-%03d" : "%s-%03d", var.name, number)]
}

output "promise" {
  description = "What becomes of jobs that were answered with 202 when a node fails."
  value       = var.durable ? "Durable: a write is in the log of two zones before it is answered." : "NOT durable: a node that fails may lose jobs that were answered with 202. For trying things out only."
}

locals {
  address = var.durable ? aws_elasticache_replication_group.this.configuration_endpoint_address : aws_elasticache_replication_group.this.primary_endpoint_address
}
