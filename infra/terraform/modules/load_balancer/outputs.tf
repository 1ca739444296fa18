output "dns_name" {
  description = "What the domain's alias or CNAME record points to."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The hosted zone of dns_name, for an alias record in Route 53."
  value       = aws_lb.this.zone_id
}

output "security_group_id" {
  description = "The only source from which web accepts connections."
  value       = aws_security_group.this.id
}

output "target_group_arn" {
  description = "Where web registers itself."
  value       = aws_lb_target_group.web.arn

  # A target group without a listener refuses the service that registers with it.
  depends_on = [aws_lb_listener.https]
}

output "metric_dimensions" {
  description = "Names of load balancer and target group in CloudWatch."
  value = {
    LoadBalancer = aws_lb.this.arn_suffix
    TargetGroup  = aws_lb_target_group.web.arn_suffix
  }
}
