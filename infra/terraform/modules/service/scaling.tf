resource "aws_appautoscaling_target" "cpu" {
  count = var.cpu_scaling == null ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.cpu_scaling.least
  max_capacity       = var.cpu_scaling.most
}

resource "aws_appautoscaling_policy" "cpu" {
  count = var.cpu_scaling == null ? 0 : 1

  name               = "${local.full_name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.cpu[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.cpu[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.cpu[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value = var.cpu_scaling.target

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
