# Small and cheap, for trying things out: one web, workers on Spot, one small node without durability.

module "curator" {
  source = "../../modules/curator"

  name               = "curator-dev"
  account_id         = var.account_id
  region             = var.region
  availability_zones = var.availability_zones
  vpc_cidr           = "10.20.0.0/16"
  nat_gateways       = 1

  domain          = var.domain
  certificate_arn = var.certificate_arn
  allowed_cidrs   = var.allowed_cidrs
  image_digest    = var.image_digest
  settings        = var.settings

  queue = {
    durable       = false
    node_type     = "cache.t4g.micro"
    replicas      = 0
    snapshot_days = 1
    restore_from  = var.restore_from
  }

  web = { cpu = 256, memory = 512, least = 1, most = 2 }

  worker = {
    cpu              = 1024
    memory           = 2048
    slots            = 8
    max_workers      = var.max_workers
    on_demand_base   = 0
    on_demand_weight = 0
    spot_weight      = 1
  }
  fargate_vcpu_quota = var.fargate_vcpu_quota

  queue_password  = var.queue_password
  secret_names    = var.secret_names
  secret_values   = var.secret_values
  secrets_version = var.secrets_version

  log_days            = 7
  container_insights  = false
  deletion_protection = false
  alert_emails        = var.alert_emails
}
