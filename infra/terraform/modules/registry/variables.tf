variable "name" {
  description = "The repository's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,39}$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "kept_images" {
  description = "Images that are kept, newest first. A roll-back needs the image that it goes back to."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.kept_images >= 2 && floor(var.kept_images) == var.kept_images
    error_message = "kept_images must be a whole number of at least 2: the image in use, and the one to go back to."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the images."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.kms_key_arn, "arn:aws:")
    error_message = "kms_key_arn must be an ARN."
  }
}
