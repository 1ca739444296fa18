variable "account_id" {
  description = "The account that this may change; with credentials of another one Terraform refuses."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "region" {
  description = "The region, such as eu-central-1."
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
    error_message = "availability_zones must be zones of the region, such as eu-central-1a."
  }
}

variable "domain" {
  description = "The name under which clients know the service, such as curator.example.com."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a host name, such as curator.example.com."
  }
}

variable "certificate_arn" {
  description = "The domain's certificate in AWS Certificate Manager."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate in AWS Certificate Manager."
  }
}

# No default, and no open network: there are no accounts yet, so whoever reaches the service may do everything.
variable "allowed_cidrs" {
  description = "The networks that may use the service, such as 203.0.113.0/24."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_cidrs) > 0 && length(setintersection(var.allowed_cidrs, ["0.0.0.0/0", "::/0"])) == 0
    error_message = "allowed_cidrs must name the networks of your users, and must not hold 0.0.0.0/0 or ::/0: the service has no accounts."
  }
}

variable "image_digest" {
  description = "The digest of the image to run: sha256:…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "image_digest must be a digest (sha256: and 64 hexadecimal digits), not a tag."
  }
}

variable "queue_password" {
  description = "The queue's password, best as TF_VAR_queue_password: openssl rand -hex 32. In no plan and no state."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,128}$", var.queue_password))
    error_message = "queue_password must have 32 to 128 letters, digits, - and _."
  }
}

variable "secret_names" {
  description = "Which keys of search services there are: NEWSAPI_KEY, GUARDIAN_KEY."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.secret_names, ["NEWSAPI_KEY", "GUARDIAN_KEY"])) == 0
    error_message = "secret_names may hold NEWSAPI_KEY and GUARDIAN_KEY."
  }
}

variable "secret_values" {
  description = "Their values by name, best as TF_VAR_secret_values. In no plan and no state."
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

variable "settings" {
  description = "More settings (docs/settings.md), none of them secret."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "settings must be named as in docs/settings.md, such as SOURCES."
  }
}

variable "restore_from" {
  description = "The name of a snapshot that a new queue begins with; null: it begins empty."
  type        = string
  default     = null

  validation {
    condition     = var.restore_from == null || try(length(var.restore_from) > 0, false)
    error_message = "restore_from must be null or not empty."
  }
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

variable "max_workers" {
  description = "The most workers that run at once."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_workers >= 1 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers must be a whole number from 1."
  }
}

variable "fargate_vcpu_quota" {
  description = "Cores of Fargate that the account may use at once (Service Quotas, L-3032A538 and L-36FBB829). A new account has 6."
  type        = number
  nullable    = false

  validation {
    condition     = var.fargate_vcpu_quota > 0
    error_message = "fargate_vcpu_quota must be above 0."
  }
}

variable "min_workers" {
  description = "Workers that run even without work. With 0 the first job after a quiet time waits for a start."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_workers >= 0 && var.min_workers <= var.max_workers && floor(var.min_workers) == var.min_workers
    error_message = "min_workers must be a whole number from 0 to max_workers."
  }
}

variable "queue_node_type" {
  description = "The kind of the queue's nodes; durability needs a large one, such as cache.m7g.large or cache.r7g.large."
  type        = string
  default     = "cache.m7g.large"
  nullable    = false

  validation {
    condition     = can(regex("^cache\\.(r[678]g|m[678]g|c[78]gn)\\.[0-9]*x?large$", var.queue_node_type))
    error_message = "queue_node_type must be of the families r6g to r8g, m6g to m8g, c7gn or c8gn, and large or larger: other nodes have no durability."
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
