# Workers follow one number, workers_wanted, which web computes and writes to its log as a metric every 10 s.
# Two alarms act on it. ExactCapacity: the number says how many workers there should be, not how many more, so
# a policy that acts twice changes nothing. Target tracking is not used: on ECS it adds after three minutes,
# removes after fifteen, and never leaves 0.

locals {
  # The names that web emits; a check compares them with tasks/scaling/wanted.py.
  signal = {
    namespace   = "ContentCurator"
    metric_name = "workers_wanted"
    dimensions  = { service = var.name }
  }

  # A policy has at most 20 steps. Up to 20 workers each number is a step; beyond, steps grow with the number,
  # and what lies between two gets the larger.
  levels = distinct([
    for step in range(var.max_workers <= 20 ? var.max_workers : 20) :
    var.max_workers <= 20 ? step + 1 : min(var.max_workers, ceil(pow(var.max_workers, step / 19)))
  ])
}

resource "aws_appautoscaling_target" "workers" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${var.service_name}"
  min_capacity       = var.min_workers
  max_capacity       = var.max_workers
}

resource "aws_appautoscaling_policy" "follow" {
  name               = "${var.name}-follow-the-work"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.workers.service_namespace
  scalable_dimension = aws_appautoscaling_target.workers.scalable_dimension
  resource_id        = aws_appautoscaling_target.workers.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 0

    # Bounds are distances from the alarm's threshold, which is 1.
    dynamic "step_adjustment" {
      for_each = local.levels
      content {
        scaling_adjustment          = step_adjustment.value
        metric_interval_lower_bound = step_adjustment.key == 0 ? 0 : local.levels[step_adjustment.key - 1]
        metric_interval_upper_bound = step_adjustment.key == length(local.levels) - 1 ? null : step_adjustment.value
      }
    }
  }
}

resource "aws_appautoscaling_policy" "rest" {
  name               = "${var.name}-rest"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.workers.service_namespace
  scalable_dimension = aws_appautoscaling_target.workers.scalable_dimension
  resource_id        = aws_appautoscaling_target.workers.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 0

    step_adjustment {
      scaling_adjustment          = var.min_workers
      metric_interval_upper_bound = 0
    }
  }
}

# Missing data is no action: while web is away nobody knows what is wanted, and workers go on as they are.
resource "aws_cloudwatch_metric_alarm" "work" {
  alarm_name        = "${var.name}-work"
  alarm_description = "There is work: as many workers as it takes."

  namespace   = local.signal.namespace
  metric_name = local.signal.metric_name
  dimensions  = local.signal.dimensions

  statistic           = "Maximum"
  period              = 10
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "missing"
  alarm_actions       = [aws_appautoscaling_policy.follow.arn]
}

resource "aws_cloudwatch_metric_alarm" "quiet" {
  alarm_name        = "${var.name}-quiet"
  alarm_description = "No work for a while: workers rest."

  namespace   = local.signal.namespace
  metric_name = local.signal.metric_name
  dimensions  = local.signal.dimensions

  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = var.quiet_minutes
  datapoints_to_alarm = var.quiet_minutes
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "missing"
  alarm_actions       = [aws_appautoscaling_policy.rest.arn]
}
