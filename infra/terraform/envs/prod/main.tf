# What keeps its promises: a durable queue in two zones, two webs, a NAT gateway in each zone, and the first
# worker on demand, so that work goes on when Spot takes all others.

module "curator" {
  source = "../../modules/curator"

  name               = "curator-prod"
  account_id         = var.account_id
  region             = var.region
  availability_zones = var.availability_zones
  vpc_cidr           = "10.30.0.0/16"
  nat_gateways       = length(var.availability_zones)

  domain             = var.domain
  certificate_arn    = var.certificate_arn
  allowed_cidrs      = var.allowed_cidrs
  access_logs_bucket = var.access_logs_bucket
  image_digest       = var.image_digest
  settings           = var.settings

  queue = {
    durable       = true
    node_type     = var.queue_node_type
    replicas      = 1
    snapshot_days = 7
    restore_from  = var.restore_from
  }

  web = { cpu = 512, memory = 1024, least = 2, most = 4 }

  worker = {
    cpu              = 1024
    memory           = 2048
    slots            = 8
    min_workers      = var.min_workers
    max_workers      = var.max_workers
    on_demand_base   = 1
    on_demand_weight = 1
    spot_weight      = 3
  }
  fargate_vcpu_quota = var.fargate_vcpu_quota

  queue_password  = var.queue_password
  secret_names    = var.secret_names
  secret_values   = var.secret_values
  secrets_version = var.secrets_version

  log_days            = 30
  flow_log_days       = 14
  container_insights  = true
  deletion_protection = true
  alert_emails        = var.alert_emails
}
