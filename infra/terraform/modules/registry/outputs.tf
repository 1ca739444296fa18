output "repository_url" {
  description = "Where the image is pushed to, and pulled from by its digest."
  value       = aws_ecr_repository.this.repository_url
}

output "repository_arn" {
  description = "The repository, for the permission to pull from it."
  value       = aws_ecr_repository.this.arn
}
