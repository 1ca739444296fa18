output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Where the load balancer stands; one for each zone."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].id]
}

output "public_subnet_cidrs" {
  description = "The addresses from which the load balancer speaks to web."
  value       = [for zone in var.availability_zones : aws_subnet.public[zone].cidr_block]
}

output "private_subnet_ids" {
  description = "Where web, workers and the queue stand; one for each zone."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]

  # A task that starts before its way out is there cannot pull its image.
  depends_on = [aws_route.private, aws_route.public, aws_route_table_association.private, aws_route_table_association.public]
}
