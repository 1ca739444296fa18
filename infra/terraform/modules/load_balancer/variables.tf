variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
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
  description = "Public subnets, in two zones or more."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name subnets in at least two zones."
  }
}

variable "allowed_cidrs" {
  description = "The networks that may use the service. It has no accounts yet: whoever reaches it may do everything."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "allowed_cidrs must name at least one network, such as 203.0.113.0/24."
  }

  # Not only the two open networks: two halves of one are as open.
  validation {
    condition = alltrue([
      for cidr in var.allowed_cidrs :
      try(tonumber(split("/", cidr)[1]), 0) >= (strcontains(cidr, ":") ? 16 : 8)
    ])
    error_message = "allowed_cidrs must not hold 0.0.0.0/0, ::/0 or anything wider than /8 (IPv6: /16): the service has no accounts, so it must not be open to the internet."
  }
}

variable "certificate_arn" {
  description = "The certificate of the domain, in AWS Certificate Manager."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate in AWS Certificate Manager."
  }
}

variable "access_logs_bucket" {
  description = "A bucket that takes the load balancer's access logs; null: none are written."
  type        = string
  default     = null

  validation {
    condition     = var.access_logs_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_logs_bucket))
    error_message = "access_logs_bucket must be null or the name of a bucket."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancer must be released before it can be deleted."
  type        = bool
  nullable    = false
}
