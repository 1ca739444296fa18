output "kms_key_arn" {
  description = "The deployment's key."
  value       = aws_kms_key.this.arn
}

output "arns" {
  description = "The secrets by the name of their setting."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}
