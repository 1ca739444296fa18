output "kms_key_arn" {
  description = "The deployment's key."
  value       = aws_kms_key.this.arn
}

output "arns" {
  description = "The secrets by the name of their setting."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }

  # A task that starts before its secret has a value fails.
  depends_on = [aws_secretsmanager_secret_version.this]
}

output "version" {
  description = "The number of the values that are in force; when it changes, tasks have to be started anew."
  value       = var.values_version

  depends_on = [aws_secretsmanager_secret_version.this]
}
