variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "The region, for the dashboard."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}

variable "signal" {
  description = "The metric that workers follow, as worker_autoscaling gives it."
  type        = object({ namespace = string, metric_name = string, dimensions = map(string) })
  nullable    = false

  validation {
    condition     = length(var.signal.dimensions) > 0
    error_message = "signal must have a dimension: the metric of one deployment is not that of another."
  }
}

variable "max_workers" {
  description = "The most workers. Wanting them all for long means that more would be of use."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_workers >= 1
    error_message = "max_workers must be 1 or more."
  }
}

variable "cluster_name" {
  description = "The ECS cluster, for the dashboard."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "cluster_name must not be empty."
  }
}

variable "service_names" {
  description = "The ECS services, for the dashboard."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.service_names) > 0
    error_message = "service_names must not be empty."
  }
}

variable "load_balancer" {
  description = "The metric dimensions LoadBalancer and TargetGroup, as load_balancer gives them."
  type        = object({ LoadBalancer = string, TargetGroup = string })
  nullable    = false

  validation {
    condition     = length(var.load_balancer.LoadBalancer) > 0 && length(var.load_balancer.TargetGroup) > 0
    error_message = "load_balancer must name both."
  }
}

variable "queue_node_ids" {
  description = "The nodes of the queue, as queue gives them."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.queue_node_ids) > 0
    error_message = "queue_node_ids must not be empty."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts alerts."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:")
    error_message = "kms_key_arn must be an ARN."
  }
}

variable "alert_emails" {
  description = "Who is told of alarms. Each address has to confirm once."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alert_emails must be e-mail addresses."
  }
}
