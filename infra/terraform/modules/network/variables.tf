variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_cidr" {
  description = "The addresses of the VPC, a private IPv4 network of at least 4,096 addresses."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(cidrnetmask(var.vpc_cidr)) &&
      try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 20, false) &&
      can(regex("^(10\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.)", var.vpc_cidr))
    )
    error_message = "vpc_cidr must be a private IPv4 network from /16 to /20, such as 10.20.0.0/16."
  }
}

variable "availability_zones" {
  description = "Zones that get a public and a private subnet each. A load balancer needs two."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(distinct(var.availability_zones)) == length(var.availability_zones) && length(var.availability_zones) >= 2 && length(var.availability_zones) <= 3
    error_message = "availability_zones must name two or three different zones."
  }
}

variable "nat_gateways" {
  description = "NAT gateways. Each is paid by the hour; with fewer than zones, a zone that fails may take the others' way out with it."
  type        = number
  nullable    = false

  validation {
    condition     = var.nat_gateways >= 1 && var.nat_gateways <= length(var.availability_zones) && floor(var.nat_gateways) == var.nat_gateways
    error_message = "nat_gateways must be a whole number from 1 to the number of zones: workers fetch pages through them."
  }
}

variable "flow_log_days" {
  description = "Days that records of connections are kept; 0: none are written."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.flow_log_days)
    error_message = "flow_log_days must be 0, or a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the flow logs."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:")
    error_message = "kms_key_arn must be an ARN."
  }
}

variable "region" {
  description = "The region, for the name of its S3 endpoint."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}
