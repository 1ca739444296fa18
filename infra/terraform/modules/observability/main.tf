# What somebody should be told of, and one page to look at.

locals {
  in_alarm = [aws_sns_topic.alerts.arn]

  # The promises that web's own metrics watch, as infra/prometheus/alerts.yaml has them: above `above`, by this
  # statistic of a period, for so many periods.
  promises = {
    no-workers = {
      says = "Steps wait, and no worker has reported for five minutes. Compare workers_wanted with the tasks that ECS started, and read the service's events."
      name = "steps_without_worker", statistic = "Minimum", above = 0, period = 60, periods = 5
    }
    queue-old = {
      says = "A step of high or normal priority has waited for more than 15 minutes. Raise max_workers if it is reached; if slots are idle, one caller fills its own share."
      name = "oldest_step", statistic = "Minimum", above = 900, period = 60, periods = 5
    }
    paused = {
      says = "The queue has been paused for an hour, while steps wait: curator queue resume, unless somebody works on it."
      name = "steps_paused", statistic = "Minimum", above = 0, period = 300, periods = 12
    }
    leases-lost = {
      says = "Leases expired, because workers died or were cut off from Redis. Their steps run again elsewhere; look for tasks that were killed."
      name = "leases_lost", statistic = "Sum", above = 5, period = 900, periods = 1
    }
    wakeups-lost = {
      says = "Wake-ups of queued steps are lost again and again. Each is sent again; look for workers that are killed as they take a step, and for a failover of Redis."
      name = "wakeups_lost", statistic = "Sum", above = 20, period = 900, periods = 1
    }
  }
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

resource "aws_cloudwatch_metric_alarm" "promise" {
  for_each = local.promises

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.says

  namespace           = var.signal.namespace
  metric_name         = each.value.name
  dimensions          = var.signal.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "missing"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm
}

resource "aws_cloudwatch_metric_alarm" "jobs_fail" {
  alarm_name        = "${var.name}-jobs-fail"
  alarm_description = "More than five jobs and more than a fifth of the jobs of the last half hour have failed: curator jobs list --state FAILURE."

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "missing"
  alarm_actions       = local.in_alarm
  ok_actions          = local.in_alarm

  metric_query {
    id          = "many"
    expression  = "IF(failed > 5 AND failed > 0.2 * ended, 1, 0)"
    label       = "more than a fifth"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "jobs_failed", ended = "jobs_ended" }

    content {
      id = metric_query.key

      metric {
        namespace   = var.signal.namespace
        metric_name = metric_query.value
        dimensions  = var.signal.dimensions
        stat        = "Sum"
        period      = 1800
      }
    }
  }
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
