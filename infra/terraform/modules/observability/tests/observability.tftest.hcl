mock_provider "aws" {}

variables {
  name           = "curator-test"
  region         = "eu-central-1"
  signal         = { namespace = "ContentCurator", metric_name = "workers_wanted", dimensions = { service = "curator-test" } }
  max_workers    = 4
  cluster_name   = "curator-test"
  service_names  = ["curator-test-web", "curator-test-worker"]
  load_balancer  = { LoadBalancer = "app/curator-test/0123456789abcdef", TargetGroup = "targetgroup/curator-test-web/0123456789abcdef" }
  queue_node_ids = ["curator-test-0001-001", "curator-test-0001-002"]
  alert_emails   = ["operator@example.com"]
  kms_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
}

run "silence_is_an_alarm" {
  command = plan
  assert {
    condition     = aws_cloudwatch_metric_alarm.silent.treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.silent.metric_name == var.signal.metric_name
    error_message = "Somebody must be told when the signal is missing: workers then stay as they are."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.saturated.threshold == 4
    error_message = "Wanting max_workers for long must be an alarm."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.queue_memory) == 2
    error_message = "Each node of the queue must be watched: a replica may become the primary."
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 10 && jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.metrics[0][1] == "workers_wanted"
    error_message = "The dashboard must begin with the workers."
  }
}

run "each_promise_has_an_alarm" {
  command = plan
  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.promise : alarm.metric_name]) == toset(["steps_without_worker", "oldest_step", "steps_paused", "leases_lost", "wakeups_lost"])
    error_message = "Each promise that web's metrics show must have its alarm."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.promise : alarm.namespace == var.signal.namespace && alarm.alarm_actions != null])
    error_message = "The alarms must watch this deployment, and tell somebody."
  }
  assert {
    condition     = toset([for query in aws_cloudwatch_metric_alarm.jobs_fail.metric_query : query.id]) == toset(["many", "failed", "ended"])
    error_message = "The share of failed jobs must be an alarm."
  }
}

run "not_an_address" {
  command = plan
  variables {
    alert_emails = ["operator"]
  }
  expect_failures = [var.alert_emails]
}
