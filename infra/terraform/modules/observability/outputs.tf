output "alerts_topic_arn" {
  description = "Where alarms are sent; subscribe more than e-mail to it."
  value       = aws_sns_topic.alerts.arn
}
