variable "name" {
  description = "The deployment's name, such as curator-prod; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "account_id" {
  description = "The account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "region" {
  description = "The region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}

variable "availability_zones" {
  description = "Two or three zones of the region."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for zone in var.availability_zones : startswith(zone, var.region)])
    error_message = "availability_zones must be zones of the region."
  }
}

variable "vpc_cidr" {
  description = "The addresses of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr))
    error_message = "vpc_cidr must be an IPv4 network, such as 10.20.0.0/16."
  }
}

variable "nat_gateways" {
  description = "NAT gateways: 1, or one for each zone."
  type        = number
  nullable    = false

  validation {
    condition     = var.nat_gateways >= 1 && var.nat_gateways <= length(var.availability_zones)
    error_message = "nat_gateways must be from 1 to the number of zones."
  }
}

variable "domain" {
  description = "The name under which clients know the service; web answers to no other."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a host name, such as curator.example.com."
  }
}

variable "certificate_arn" {
  description = "The domain's certificate."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.certificate_arn, "arn:aws:")
    error_message = "certificate_arn must be an ARN."
  }
}

variable "allowed_cidrs" {
  description = "The networks that may use the service."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(setintersection(var.allowed_cidrs, ["0.0.0.0/0", "::/0"])) == 0
    error_message = "allowed_cidrs must not hold 0.0.0.0/0 or ::/0: the service has no accounts."
  }
}

variable "image_digest" {
  description = "The digest of the image in the deployment's registry: sha256:… It is what a deployment changes, and what a roll-back sets back."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "image_digest must be a digest (sha256: and 64 hexadecimal digits), not a tag: a tag may mean another image tomorrow."
  }
}

variable "architecture" {
  description = "The processor that the image was built for."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "queue" {
  description = "The queue: see modules/queue."
  type = object({
    durable       = bool
    node_type     = string
    replicas      = number
    snapshot_days = number
    restore_from  = optional(string)
  })
  nullable = false

  validation {
    condition     = !var.queue.durable || var.queue.replicas >= 1
    error_message = "queue.replicas must be 1 or more where queue.durable is true."
  }
}

variable "web" {
  description = "Web: processor, memory, and how many tasks."
  type        = object({ cpu = number, memory = number, least = number, most = number })
  nullable    = false

  validation {
    condition     = var.web.least >= 1 && var.web.most >= var.web.least
    error_message = "web.least must be 1 or more, and web.most not below it."
  }
}

variable "worker" {
  description = "Workers: processor, memory, steps at once (slots), how few and how many, and how many of them are on demand."
  type = object({
    cpu              = number
    memory           = number
    slots            = number
    min_workers      = optional(number, 0)
    max_workers      = number
    quiet_minutes    = optional(number, 4)
    on_demand_base   = number
    on_demand_weight = number
    spot_weight      = number
    outgoing_ports   = optional(set(number), [80, 443])
  })
  nullable = false

  validation {
    condition     = var.worker.slots >= 1 && var.worker.slots <= 64 && floor(var.worker.slots) == var.worker.slots
    error_message = "worker.slots must be a whole number from 1 to 64."
  }

  validation {
    condition     = var.worker.max_workers >= var.worker.min_workers
    error_message = "worker.max_workers must not be below worker.min_workers."
  }
}

variable "fargate_vcpu_quota" {
  description = "Cores of Fargate that the account may use at once."
  type        = number
  nullable    = false

  validation {
    condition     = var.fargate_vcpu_quota > 0
    error_message = "fargate_vcpu_quota must be above 0."
  }
}

variable "settings" {
  description = "More settings of web and worker (docs/settings.md), none of them secret."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.settings), ["REDIS_URL", "NEWSAPI_KEY", "GUARDIAN_KEY", "PROXY_SECRET"])) == 0
    error_message = "settings must hold no secrets (REDIS_URL, NEWSAPI_KEY, GUARDIAN_KEY, PROXY_SECRET): they would be in the state. Use secret_values."
  }
}

variable "secret_names" {
  description = "Which of the settings that are secrets there are, beside REDIS_URL."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.secret_names, ["NEWSAPI_KEY", "GUARDIAN_KEY"])) == 0
    error_message = "secret_names may hold NEWSAPI_KEY and GUARDIAN_KEY."
  }
}

variable "secret_values" {
  description = "Their values by name. Ephemeral: they are in no plan and no state."
  type        = map(string)
  default     = {}
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = length(setsubtract(var.secret_names, keys(var.secret_values))) == 0
    error_message = "secret_values must have a value for each of secret_names."
  }
}

variable "queue_password" {
  description = "The password of web and worker at the queue. Ephemeral: it is in no plan and no state."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,128}$", var.queue_password))
    error_message = "queue_password must have 32 to 128 letters, digits, - and _, as in: openssl rand -hex 32."
  }
}

variable "secrets_version" {
  description = "A number to raise whenever queue_password or secret_values have changed."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1."
  }
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_days >= 1
    error_message = "log_days must be 1 or more."
  }
}

variable "flow_log_days" {
  description = "Days that records of connections are kept; 0: none are written."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.flow_log_days >= 0
    error_message = "flow_log_days must not be negative."
  }
}

variable "access_logs_bucket" {
  description = "A bucket for the load balancer's access logs; null: none are written."
  type        = string
  default     = null

  validation {
    condition     = var.access_logs_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_logs_bucket))
    error_message = "access_logs_bucket must be null or the name of a bucket."
  }
}

variable "container_insights" {
  description = "Whether ECS measures each task (paid by the metric)."
  type        = bool
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the load balancer must be released before it can be deleted."
  type        = bool
  nullable    = false
}

variable "alert_emails" {
  description = "Who is told of alarms."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alert_emails must be e-mail addresses."
  }
}
