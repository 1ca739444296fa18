output "url" {
  description = "Where clients find the service, once the domain points to load_balancer."
  value       = "https://${var.domain}"
}

output "load_balancer" {
  description = "What the domain has to point to."
  value       = { dns_name = module.load_balancer.dns_name, zone_id = module.load_balancer.zone_id }
}

output "repository_url" {
  description = "Where the image is pushed to."
  value       = module.registry.repository_url
}

output "queue_promise" {
  description = "What becomes of jobs that were answered with 202 when a node of the queue fails."
  value       = module.queue.promise
}

output "log_groups" {
  description = "Where web and worker log."
  value       = { web = module.web.log_group, worker = module.worker.log_group }
}

output "alerts_topic_arn" {
  description = "Where alarms are sent."
  value       = module.observability.alerts_topic_arn
}
