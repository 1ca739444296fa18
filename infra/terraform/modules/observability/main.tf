# What somebody should be told of, and one page to look at.

locals {
  in_alarm = [aws_sns_topic.alerts.arn]
}

resource "aws_sns_topic" "alerts" {
  name              = "${var.name}-alerts"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.alert_emails

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name        = "${var.name}-signal-silent"
  alarm_description = "Web has not said for five minutes how many workers are wanted: workers neither start nor stop."

  namespace           = var.signal.namespace
  metric_name         = var.signal.metric_name
  dimensions          = var.signal.dimensions
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 0
  treat_missing_data  = "breaching"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}

resource "aws_cloudwatch_metric_alarm" "saturated" {
  alarm_name        = "${var.name}-saturated"
  alarm_description = "For half an hour there was work for max_workers or more: jobs wait longer than they should."

  namespace           = var.signal.namespace
  metric_name         = var.signal.metric_name
  dimensions          = var.signal.dimensions
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 6
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.max_workers
  treat_missing_data  = "missing"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}

resource "aws_cloudwatch_metric_alarm" "no_web" {
  alarm_name        = "${var.name}-no-web"
  alarm_description = "No web answers its health check."

  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = var.load_balancer
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = "${var.name}-errors"
  alarm_description = "Web answered with 5xx more than ten times in five minutes."

  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  dimensions          = var.load_balancer
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}

resource "aws_cloudwatch_metric_alarm" "queue_memory" {
  for_each = toset(var.queue_node_ids)

  alarm_name        = "${var.name}-queue-memory-${each.key}"
  alarm_description = "The queue's memory is nearly full; then no more jobs are accepted."

  namespace           = "AWS/ElastiCache"
  metric_name         = "DatabaseMemoryUsagePercentage"
  dimensions          = { CacheClusterId = each.key }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  treat_missing_data  = "missing"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}
