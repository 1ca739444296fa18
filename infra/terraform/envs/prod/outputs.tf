output "url" {
  description = "Where clients find the service, once the domain points to load_balancer."
  value       = module.curator.url
}

output "load_balancer" {
  description = "What the domain has to point to: a CNAME to dns_name, or an alias in Route 53."
  value       = module.curator.load_balancer
}

output "repository_url" {
  description = "Where the image is pushed to."
  value       = module.curator.repository_url
}

output "queue_promise" {
  description = "What becomes of jobs that were answered with 202 when a node of the queue fails."
  value       = module.curator.queue_promise
}

output "log_groups" {
  description = "Where web and worker log."
  value       = module.curator.log_groups
}

output "alerts_topic_arn" {
  description = "Where alarms are sent."
  value       = module.curator.alerts_topic_arn
}
