# The modules in a VPC, an ECS cluster and behind a load balancer that are there already.

locals {
  name = "curator"
  settings = {
    KEY_PREFIX         = "{curator}:"
    WORKER_CONCURRENCY = "8"
    SHUTDOWN_GRACE     = "100"
  }
}

module "secrets" {
  source = "../../modules/secrets"

  name       = local.name
  account_id = var.account_id
  region     = var.region
  names      = ["REDIS_URL"]
  values     = { REDIS_URL = "rediss://${module.queue.user_name}:${var.queue_password}@${module.queue.address}:6379/0" }
}

module "queue" {
  source = "../../modules/queue"

  name          = local.name
  durable       = true
  node_type     = "cache.m7g.large"
  replicas      = 1
  snapshot_days = 7
  password      = var.queue_password
  vpc_id        = var.vpc_id
  subnet_ids    = var.private_subnet_ids
  kms_key_arn   = module.secrets.kms_key_arn
}

module "web" {
  source = "../../modules/service"

  name         = local.name
  role         = "web"
  region       = var.region
  cluster      = var.cluster
  image        = var.image
  architecture = "X86_64"
  cpu          = 512
  memory       = 1024
  tasks        = 2
  cpu_scaling  = { least = 2, most = 4 }
  capacity     = { on_demand_base = 2, on_demand_weight = 1, spot_weight = 0 }
  stop_seconds = 120

  environment = merge(local.settings, {
    HTTP_HOST                     = "0.0.0.0"
    UNSAFE_OPEN                   = "1"
    ALLOWED_HOSTS                 = var.domain
    TRUSTED_PROXIES               = join(",", var.load_balancer.cidrs)
    HTTP_MAX_CONNECTIONS          = "1000"
    HTTP_MAX_CONNECTIONS_PER_PEER = "1000"
    HTTP_IDLE_TIMEOUT             = "75"
    SCALING_DEPLOYMENT            = local.name
    SCALING_MAX_WORKERS           = "20"
  })
  secrets                 = module.secrets.arns
  secrets_version         = module.secrets.version
  kms_key_arn             = module.secrets.kms_key_arn
  log_days                = 30
  vpc_id                  = var.vpc_id
  subnet_ids              = var.private_subnet_ids
  queue_security_group_id = module.queue.security_group_id
  outgoing_ports          = [443]
  load_balancer = {
    target_group_arn  = var.load_balancer.target_group_arn
    security_group_id = var.load_balancer.security_group_id
  }
}

module "worker" {
  source = "../../modules/service"

  name         = local.name
  role         = "worker"
  region       = var.region
  cluster      = var.cluster
  image        = var.image
  architecture = "X86_64"
  cpu          = 1024
  memory       = 2048
  tasks        = 0
  capacity     = { on_demand_base = 0, on_demand_weight = 0, spot_weight = 1 }
  stop_seconds = 120

  environment             = local.settings
  secrets                 = module.secrets.arns
  secrets_version         = module.secrets.version
  kms_key_arn             = module.secrets.kms_key_arn
  log_days                = 30
  vpc_id                  = var.vpc_id
  subnet_ids              = var.private_subnet_ids
  queue_security_group_id = module.queue.security_group_id
  outgoing_ports          = [80, 443]
}

module "worker_autoscaling" {
  source = "../../modules/worker_autoscaling"

  name               = local.name
  cluster_name       = var.cluster.name
  service_name       = module.worker.name
  max_workers        = 20
  worker_cpu         = 1024
  fargate_vcpu_quota = 50
}
