resource "aws_security_group" "this" {
  name        = local.full_name
  description = local.has_access ? "${var.role} of ${var.name}: from the load balancer alone" : "${var.role} of ${var.name}: nothing may connect"
  vpc_id      = var.vpc_id

  tags = { Name = local.full_name }
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  count = local.has_access ? 1 : 0

  security_group_id            = aws_security_group.this.id
  description                  = "From the load balancer"
  referenced_security_group_id = var.load_balancer.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_here" {
  count = local.has_access ? 1 : 0

  security_group_id            = var.load_balancer.security_group_id
  description                  = "To ${var.role}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each = toset([for port in var.outgoing_ports : tostring(port)])

  security_group_id = aws_security_group.this.id
  description       = "Out to port ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
}

resource "aws_vpc_security_group_egress_rule" "to_queue" {
  security_group_id            = aws_security_group.this.id
  description                  = "To the queue"
  referenced_security_group_id = var.queue_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_vpc_security_group_ingress_rule" "queue_from_here" {
  security_group_id            = var.queue_security_group_id
  description                  = "From ${var.role}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
