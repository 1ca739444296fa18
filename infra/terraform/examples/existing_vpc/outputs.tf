output "queue_promise" {
  description = "What becomes of jobs that were answered with 202 when a node of the queue fails."
  value       = module.queue.promise
}

output "signal" {
  description = "The metric that the workers follow."
  value       = module.worker_autoscaling.signal
}
