variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "role" {
  description = "What the image is to be: web or worker. It is the command."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["web", "worker"], var.role)
    error_message = "role must be web or worker."
  }
}

variable "region" {
  description = "The region, for the logs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}

variable "cluster" {
  description = "The ECS cluster's name and ARN. Its capacity providers are FARGATE and FARGATE_SPOT."
  type        = object({ name = string, arn = string })
  nullable    = false

  validation {
    condition     = startswith(var.cluster.arn, "arn:aws:") && length(var.cluster.name) > 0
    error_message = "cluster must have a name and an ARN."
  }
}

variable "image" {
  description = "The image by its digest, the same for web and worker: REPOSITORY@sha256:…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name a digest (REPOSITORY@sha256:…), not a tag: a tag may mean another image tomorrow."
  }
}

variable "repository_arn" {
  description = "The ECR repository that the image is pulled from; null: a registry that needs no permission."
  type        = string
  default     = null

  validation {
    condition     = var.repository_arn == null || try(startswith(var.repository_arn, "arn:aws:"), false)
    error_message = "repository_arn must be null or an ARN."
  }
}

variable "architecture" {
  description = "The processor that the image was built for: ARM64 or X86_64."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "cpu" {
  description = "Units of processor, 1,024 for each core."
  type        = number
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048 or 4096."
  }
}

variable "memory" {
  description = "MB of memory: what Fargate offers for this cpu."
  type        = number
  nullable    = false

  validation {
    condition = contains(lookup({
      "256"  = [512, 1024, 2048]
      "512"  = [for gb in range(1, 5) : gb * 1024]
      "1024" = [for gb in range(2, 9) : gb * 1024]
      "2048" = [for gb in range(4, 17) : gb * 1024]
      "4096" = [for gb in range(8, 31) : gb * 1024]
    }, tostring(var.cpu), []), var.memory)
    error_message = "memory must be what Fargate offers for this cpu: 512 to 2,048 for 256, 1 to 4 GB for 512, 2 to 8 GB for 1024, 4 to 16 GB for 2048, 8 to 30 GB for 4096, in whole GB."
  }
}

variable "environment" {
  description = "Settings that are no secrets (docs/settings.md)."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))]) && !contains(keys(var.environment), "REDIS_URL")
    error_message = "environment must be named as in docs/settings.md; REDIS_URL is a secret."
  }
}

variable "secrets" {
  description = "Settings that are secrets: their secret's ARN by their name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.secrets) : startswith(arn, "arn:aws:")])
    error_message = "secrets must be ARNs."
  }
}

variable "secrets_version" {
  description = "The number of the secrets' values. When it changes, tasks are replaced by ones that read the new values."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts secrets and logs."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:")
    error_message = "kms_key_arn must be an ARN."
  }
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "log_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.vpc_id) > 0
    error_message = "vpc_id must not be empty."
  }
}

variable "subnet_ids" {
  description = "Private subnets with a way out through a NAT gateway."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must not be empty."
  }
}

variable "queue_security_group_id" {
  description = "The queue's security group; it gets a rule for this service."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.queue_security_group_id) > 0
    error_message = "queue_security_group_id must not be empty."
  }
}

variable "outgoing_ports" {
  description = "TCP ports outside the VPC that the service may connect to. A page on another port cannot be fetched."
  type        = set(number)
  nullable    = false

  validation {
    condition     = contains(var.outgoing_ports, 443) && alltrue([for port in var.outgoing_ports : port >= 1 && port <= 65535])
    error_message = "outgoing_ports must be ports, 443 among them: image, secrets and logs come and go through it."
  }
}

variable "load_balancer" {
  description = "For web: its target group and security group. For worker: null, and nothing may connect to it."
  type        = object({ target_group_arn = string, security_group_id = string })
  default     = null

  validation {
    condition     = var.load_balancer == null || try(length(var.load_balancer.security_group_id) > 0, false)
    error_message = "load_balancer must be null or name its target group and security group."
  }
}

variable "tasks" {
  description = "Tasks when the service is made. Afterwards autoscaling sets the number, and Terraform leaves it alone."
  type        = number
  nullable    = false

  validation {
    condition     = var.tasks >= 0 && floor(var.tasks) == var.tasks
    error_message = "tasks must be a whole number from 0."
  }
}

variable "cpu_scaling" {
  description = "For web: keep the mean use of the processor at target percent, with least to most tasks. For worker: null; worker_autoscaling follows the work."
  type        = object({ least = number, most = number, target = optional(number, 60) })
  default     = null

  validation {
    condition     = var.cpu_scaling == null || try(var.cpu_scaling.least >= 1 && var.cpu_scaling.most >= var.cpu_scaling.least, false)
    error_message = "cpu_scaling.least must be 1 or more, and cpu_scaling.most not below it."
  }

  validation {
    condition     = var.cpu_scaling == null || try(var.cpu_scaling.target >= 10 && var.cpu_scaling.target <= 90, false)
    error_message = "cpu_scaling.target must be 10 to 90 percent."
  }
}

variable "capacity" {
  description = "Tasks that are always on demand (on_demand_base); the others are shared between on demand and Spot by weight."
  type        = object({ on_demand_base = number, on_demand_weight = number, spot_weight = number })
  nullable    = false

  validation {
    condition     = var.capacity.on_demand_base >= 0 && var.capacity.on_demand_weight >= 0 && var.capacity.spot_weight >= 0
    error_message = "capacity must not be negative."
  }

  validation {
    condition     = var.capacity.on_demand_weight + var.capacity.spot_weight > 0
    error_message = "capacity.on_demand_weight or capacity.spot_weight must be above 0, or no task beyond the base can start."
  }
}

variable "stop_seconds" {
  description = "Seconds from SIGTERM until a task is killed; at most 120 on Fargate."
  type        = number
  nullable    = false

  validation {
    condition     = var.stop_seconds >= 10 && var.stop_seconds <= 120
    error_message = "stop_seconds must be 10 to 120."
  }

  validation {
    condition     = tonumber(lookup(var.environment, "SHUTDOWN_GRACE", "0")) < var.stop_seconds
    error_message = "stop_seconds must be above SHUTDOWN_GRACE, or running steps are killed before they are handed back."
  }
}
