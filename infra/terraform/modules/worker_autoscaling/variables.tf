variable "name" {
  description = "The deployment's name: a prefix of every name, and the value of the metric's dimension."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "cluster_name" {
  description = "The ECS cluster of the workers."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "cluster_name must not be empty."
  }
}

variable "service_name" {
  description = "The ECS service of the workers."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.service_name) > 0
    error_message = "service_name must not be empty."
  }
}

variable "min_workers" {
  description = "Workers that run even without work. 0: the first job after a quiet time waits until a worker has started."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_workers >= 0 && floor(var.min_workers) == var.min_workers
    error_message = "min_workers must be a whole number from 0."
  }
}

variable "max_workers" {
  description = "The most workers that run at once, whatever the work."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_workers >= 1 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers must be a whole number from 1."
  }

  validation {
    condition     = var.max_workers >= var.min_workers
    error_message = "max_workers must not be below min_workers."
  }

  validation {
    condition     = var.max_workers * var.worker_cpu <= var.fargate_vcpu_quota * 1024
    error_message = "max_workers times the processors of a worker is above fargate_vcpu_quota: the account could not run that many. Raise the quota in AWS Service Quotas, or lower max_workers."
  }
}

variable "worker_cpu" {
  description = "Units of processor of one worker, 1,024 for each core."
  type        = number
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.worker_cpu)
    error_message = "worker_cpu must be 256, 512, 1024, 2048 or 4096."
  }
}

variable "fargate_vcpu_quota" {
  description = "Cores of Fargate that the account may use at once: the smaller of the quotas L-3032A538 (on demand) and L-36FBB829 (Spot) that are used. A new account has 6."
  type        = number
  nullable    = false

  validation {
    condition     = var.fargate_vcpu_quota > 0
    error_message = "fargate_vcpu_quota must be above 0: aws service-quotas get-service-quota --service-code fargate --quota-code L-3032A538 tells it."
  }
}

variable "quiet_minutes" {
  description = "Minutes without any work after which all workers stop, on top of the five minutes that the signal remembers. With 4, workers that started for one short job stay ten minutes, so that a second job finds them."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.quiet_minutes >= 1 && var.quiet_minutes <= 60 && floor(var.quiet_minutes) == var.quiet_minutes
    error_message = "quiet_minutes must be a whole number from 1 to 60."
  }
}
