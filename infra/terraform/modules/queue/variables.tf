variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "durable" {
  description = "Whether a write is in the log of two zones before it is answered. Without it a failover or a lost node loses jobs that were answered with 202. A change needs a new queue."
  type        = bool
  nullable    = false
}

variable "node_type" {
  description = "The kind of node. Durability needs a large one: cache.r…, cache.m… or cache.c…."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^cache\\.[a-z0-9]+\\.[a-z0-9]+$", var.node_type))
    error_message = "node_type must be the name of an ElastiCache node, such as cache.r7g.large."
  }

  validation {
    condition     = !var.durable || can(regex("^cache\\.(r[678]g|m[678]g|c[78]gn)\\.[0-9]*x?large$", var.node_type))
    error_message = "With durable, node_type must be of the families r6g to r8g, m6g to m8g, c7gn or c8gn, and large or larger: other nodes have no durability."
  }
}

variable "replicas" {
  description = "Replicas beside the primary, each in another zone."
  type        = number
  nullable    = false

  validation {
    condition     = var.replicas >= 0 && var.replicas <= 5 && floor(var.replicas) == var.replicas
    error_message = "replicas must be a whole number from 0 to 5."
  }

  validation {
    condition     = !var.durable || var.replicas >= 1
    error_message = "With durable there must be a replica, in another zone."
  }
}

variable "key_prefix" {
  description = "KEY_PREFIX of web and worker: the keys and channels that their user may touch. Its hash tag keeps them in one slot."
  type        = string
  default     = "{curator}:"
  nullable    = false

  validation {
    condition     = can(regex("^\\{[A-Za-z0-9_.-]+\\}[A-Za-z0-9_.:-]*$", var.key_prefix))
    error_message = "key_prefix must begin with a hash tag, such as {curator}:, so that all keys of the ledger are in one slot of the cluster."
  }
}

variable "snapshot_days" {
  description = "Days that the daily snapshot is kept; 0: none is made."
  type        = number
  nullable    = false

  validation {
    condition     = var.snapshot_days >= 0 && var.snapshot_days <= 35
    error_message = "snapshot_days must be 0 to 35."
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

variable "password" {
  description = "The password of web and worker. Ephemeral: it is in no plan and no state."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,128}$", var.password))
    error_message = "password must have 32 to 128 letters, digits, - and _, as in: openssl rand -hex 32."
  }
}

variable "password_version" {
  description = "A number to raise whenever the password has changed; without it Terraform cannot know."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "password_version must be a whole number from 1."
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
  description = "Private subnets, in two zones or more."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name subnets in at least two zones."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts data and snapshots."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:")
    error_message = "kms_key_arn must be an ARN."
  }
}
