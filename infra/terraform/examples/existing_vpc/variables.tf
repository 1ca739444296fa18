variable "region" {
  description = "The region of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of a region, such as eu-central-1."
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

variable "vpc_id" {
  description = "Your VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "vpc_id must be the id of a VPC, such as vpc-0a1b2c3d."
  }
}

variable "private_subnet_ids" {
  description = "Private subnets of it with a way out, in two zones or more."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "private_subnet_ids must name subnets in at least two zones."
  }
}

variable "cluster" {
  description = "Your ECS cluster, with the capacity providers FARGATE and FARGATE_SPOT."
  type        = object({ name = string, arn = string })
  nullable    = false

  validation {
    condition     = startswith(var.cluster.arn, "arn:aws:") && length(var.cluster.name) > 0
    error_message = "cluster must have a name and an ARN."
  }
}

variable "load_balancer" {
  description = "A target group (HTTP, type ip, port 8000, health check /health/live) behind your load balancer, its security group, and the networks it speaks from."
  type        = object({ target_group_arn = string, security_group_id = string, cidrs = list(string) })
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.load_balancer.cidrs : can(cidrhost(cidr, 0))]) && length(var.load_balancer.cidrs) > 0
    error_message = "load_balancer.cidrs must be the networks of your load balancer: web believes what they say of a caller."
  }
}

variable "domain" {
  description = "The name under which your load balancer publishes the service."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a host name, such as curator.example.com."
  }
}

variable "image" {
  description = "The image by its digest, in any registry that needs no permission."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name a digest (REPOSITORY@sha256:…), not a tag."
  }
}

variable "queue_password" {
  description = "The queue's password. In no plan and no state."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{32,128}$", var.queue_password))
    error_message = "queue_password must have 32 to 128 letters, digits, - and _, as in: openssl rand -hex 32."
  }
}
