# The one thing that clients reach: TLS 1.3 on port 443, from the allowed networks. Nothing listens on port 80.

resource "aws_security_group" "this" {
  name        = "${var.name}-load-balancer"
  description = "The entrance of ${var.name}: from the allowed networks alone"
  vpc_id      = var.vpc_id

  # The rule that lets it reach web is made beside web.
  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each = toset(var.allowed_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "HTTPS from an allowed network"
  cidr_ipv4         = strcontains(each.key, ":") ? null : each.key
  cidr_ipv6         = strcontains(each.key, ":") ? each.key : null
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:a web application firewall sorts the open internet; this one is closed to it
  #checkov:skip=CKV_AWS_91:written where access_logs_bucket names a bucket
  #checkov:skip=CKV2_AWS_20:there is no listener on port 80 that could redirect
  #checkov:skip=CKV_AWS_150:on in prod; dev is made to be deleted
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.this.id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection
  idle_timeout               = 60 # longer than the pings of the event stream, shorter than web's own

  dynamic "access_logs" {
    for_each = var.access_logs_bucket == null ? [] : [var.access_logs_bucket]
    content {
      bucket  = access_logs.value
      prefix  = var.name
      enabled = true
    }
  }
}

resource "aws_lb_target_group" "web" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; the way to web is inside the VPC and open to it alone
  name                 = "${var.name}-web"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8000
  deregistration_delay = "30"

  # Alive, not ready: while the queue is away, replacing web would help nobody, and its answer (503) tells more.
  health_check {
    path                = "/health/live"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-3-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}
