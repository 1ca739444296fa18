variable "name" {
  description = "The deployment's name; a prefix of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "account_id" {
  description = "The account, whose administrators own the key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of an AWS account."
  }
}

variable "region" {
  description = "The region, whose log service may use the key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
  }
}

variable "names" {
  description = "The settings that are secrets; each becomes one secret."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "names must be the names of settings, such as REDIS_URL."
  }
}

variable "values" {
  description = "The secrets' values by name. Ephemeral: they are in no plan and no state."
  type        = map(string)
  ephemeral   = true
  nullable    = false

  validation {
    condition     = length(setsubtract(var.names, keys(var.values))) == 0
    error_message = "values must have a value for each of names."
  }
}

variable "values_version" {
  description = "A number to raise whenever a value has changed; without it Terraform cannot know."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.values_version >= 1 && floor(var.values_version) == var.values_version
    error_message = "values_version must be a whole number from 1."
  }
}

variable "recovery_days" {
  description = "Days in which a deleted secret or key can be recovered."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 30
    error_message = "recovery_days must be 7 to 30."
  }
}
