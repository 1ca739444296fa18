output "signal" {
  description = "The metric that workers follow: namespace, metric_name, dimensions."
  value       = local.signal
}
