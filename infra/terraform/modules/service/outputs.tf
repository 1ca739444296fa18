output "name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}

output "security_group_id" {
  description = "The service's security group."
  value       = aws_security_group.this.id
}

output "log_group" {
  description = "Where the service logs."
  value       = aws_cloudwatch_log_group.this.name
}
