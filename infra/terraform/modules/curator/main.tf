# The whole system out of its modules: one image in two roles, a queue, and workers that follow the work.

locals {
  image      = "${module.registry.repository_url}@${var.image_digest}"
  key_prefix = "{curator}:"

  # Both roles get the same settings, as in any other installation; each reads what is its own.
  common = merge(var.settings, {
    KEY_PREFIX         = local.key_prefix
    WORKER_CONCURRENCY = tostring(var.worker.slots)
    SHUTDOWN_GRACE     = "100"
  })
}

module "network" {
  source = "../network"

  name               = var.name
  region             = var.region
  vpc_cidr           = var.vpc_cidr
  availability_zones = var.availability_zones
  nat_gateways       = var.nat_gateways
  flow_log_days      = var.flow_log_days
  kms_key_arn        = module.secrets.kms_key_arn
}

module "registry" {
  source = "../registry"

  name        = var.name
  kms_key_arn = module.secrets.kms_key_arn
}

module "queue" {
  source = "../queue"

  name             = var.name
  durable          = var.queue.durable
  node_type        = var.queue.node_type
  replicas         = var.queue.replicas
  snapshot_days    = var.queue.snapshot_days
  restore_from     = var.queue.restore_from
  key_prefix       = local.key_prefix
  password         = var.queue_password
  password_version = var.secrets_version
  vpc_id           = module.network.vpc_id
  subnet_ids       = module.network.private_subnet_ids
  kms_key_arn      = module.secrets.kms_key_arn
}

module "secrets" {
  source = "../secrets"

  name           = var.name
  account_id     = var.account_id
  region         = var.region
  names          = setunion(["REDIS_URL"], var.secret_names)
  values         = merge(var.secret_values, { REDIS_URL = "rediss://${module.queue.user_name}:${var.queue_password}@${module.queue.address}:6379/0" })
  values_version = var.secrets_version
}

module "load_balancer" {
  source = "../load_balancer"

  name                = var.name
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.public_subnet_ids
  allowed_cidrs       = var.allowed_cidrs
  certificate_arn     = var.certificate_arn
  access_logs_bucket  = var.access_logs_bucket
  deletion_protection = var.deletion_protection
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:on in prod; paid by the metric
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

module "web" {
  source = "../service"

  name           = var.name
  role           = "web"
  region         = var.region
  cluster        = { name = aws_ecs_cluster_capacity_providers.this.cluster_name, arn = aws_ecs_cluster.this.arn }
  image          = local.image
  repository_arn = module.registry.repository_arn
  architecture   = var.architecture
  cpu            = var.web.cpu
  memory         = var.web.memory
  tasks          = var.web.least
  cpu_scaling    = { least = var.web.least, most = var.web.most }
  capacity       = { on_demand_base = var.web.least, on_demand_weight = 1, spot_weight = 0 }
  stop_seconds   = 120

  # UNSAFE_OPEN: web listens beyond loopback without a secret of a proxy. Its security group lets the load balancer
  # alone connect, which lets the allowed networks alone connect. The load balancer says who the caller is, and
  # keeps idle connections for 60 s: web must keep them longer, or requests meet a closing connection.
  environment = merge(local.common, {
    HTTP_HOST                     = "0.0.0.0"
    HTTP_PORT                     = "8000"
    UNSAFE_OPEN                   = "1"
    ALLOWED_HOSTS                 = var.domain
    TRUSTED_PROXIES               = join(",", module.network.public_subnet_cidrs)
    HTTP_MAX_CONNECTIONS          = "1000"
    HTTP_MAX_CONNECTIONS_PER_PEER = "1000"
    HTTP_IDLE_TIMEOUT             = "75"
    SCALING_DEPLOYMENT            = var.name
    SCALING_MAX_WORKERS           = tostring(var.worker.max_workers)
  })
  secrets                 = module.secrets.arns
  secrets_version         = module.secrets.version
  kms_key_arn             = module.secrets.kms_key_arn
  log_days                = var.log_days
  vpc_id                  = module.network.vpc_id
  subnet_ids              = module.network.private_subnet_ids
  queue_security_group_id = module.queue.security_group_id
  outgoing_ports          = [443]
  load_balancer = {
    target_group_arn  = module.load_balancer.target_group_arn
    security_group_id = module.load_balancer.security_group_id
  }
}

module "worker" {
  source = "../service"

  name           = var.name
  role           = "worker"
  region         = var.region
  cluster        = { name = aws_ecs_cluster_capacity_providers.this.cluster_name, arn = aws_ecs_cluster.this.arn }
  image          = local.image
  repository_arn = module.registry.repository_arn
  architecture   = var.architecture
  cpu            = var.worker.cpu
  memory         = var.worker.memory
  tasks          = var.worker.min_workers
  capacity = {
    on_demand_base   = var.worker.on_demand_base
    on_demand_weight = var.worker.on_demand_weight
    spot_weight      = var.worker.spot_weight
  }
  stop_seconds = 120

  environment             = local.common
  secrets                 = module.secrets.arns
  secrets_version         = module.secrets.version
  kms_key_arn             = module.secrets.kms_key_arn
  log_days                = var.log_days
  vpc_id                  = module.network.vpc_id
  subnet_ids              = module.network.private_subnet_ids
  queue_security_group_id = module.queue.security_group_id
  outgoing_ports          = var.worker.outgoing_ports
}

module "worker_autoscaling" {
  source = "../worker_autoscaling"

  name               = var.name
  cluster_name       = aws_ecs_cluster.this.name
  service_name       = module.worker.name
  min_workers        = var.worker.min_workers
  max_workers        = var.worker.max_workers
  worker_cpu         = var.worker.cpu
  fargate_vcpu_quota = var.fargate_vcpu_quota
  quiet_minutes      = var.worker.quiet_minutes
}

module "observability" {
  source = "../observability"

  name           = var.name
  region         = var.region
  signal         = module.worker_autoscaling.signal
  max_workers    = var.worker.max_workers
  cluster_name   = aws_ecs_cluster.this.name
  service_names  = [module.web.name, module.worker.name]
  load_balancer  = module.load_balancer.metric_dimensions
  queue_node_ids = module.queue.node_ids
  kms_key_arn    = module.secrets.kms_key_arn
  alert_emails   = var.alert_emails
}
