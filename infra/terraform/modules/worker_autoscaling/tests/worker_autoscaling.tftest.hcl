mock_provider "aws" {}

variables {
  name               = "curator-test"
  cluster_name       = "curator-test"
  service_name       = "curator-test-worker"
  max_workers        = 4
  worker_cpu         = 1024
  fargate_vcpu_quota = 500
}

run "each_number_is_a_step" {
  command = plan
  assert {
    condition     = aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].adjustment_type == "ExactCapacity"
    error_message = "The signal says how many workers, not how many more."
  }
  assert {
    condition = {
      for step in aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].step_adjustment :
      step.scaling_adjustment => "${step.metric_interval_lower_bound} ${coalesce(step.metric_interval_upper_bound, "on")}"
    } == { 1 = "0 1", 2 = "1 2", 3 = "2 3", 4 = "3 on" }
    error_message = "With n workers wanted, capacity must become n; the last step must have no end."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.work.period == 10 && aws_cloudwatch_metric_alarm.work.evaluation_periods == 1 && aws_cloudwatch_metric_alarm.work.threshold == 1
    error_message = "Work must be seen within 10 s; the bounds of the steps count from 1."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.work.treat_missing_data == "missing" && aws_cloudwatch_metric_alarm.quiet.treat_missing_data == "missing" && aws_cloudwatch_metric_alarm.work.insufficient_data_actions == null && aws_cloudwatch_metric_alarm.quiet.insufficient_data_actions == null
    error_message = "Missing data must change nothing."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.quiet.period * aws_cloudwatch_metric_alarm.quiet.evaluation_periods == 240 && aws_cloudwatch_metric_alarm.quiet.datapoints_to_alarm == aws_cloudwatch_metric_alarm.quiet.evaluation_periods
    error_message = "Workers must rest only after quiet_minutes in which every minute was quiet."
  }
  assert {
    condition     = [for step in aws_appautoscaling_policy.rest.step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment] == [0]
    error_message = "At rest there must be no worker."
  }
}

run "a_worker_that_stays" {
  command = plan
  variables {
    min_workers = 2
  }
  assert {
    condition     = [for step in aws_appautoscaling_policy.rest.step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment] == [2] && aws_appautoscaling_target.workers.min_capacity == 2
    error_message = "At rest min_workers must stay."
  }
}

run "many_workers_in_twenty_steps" {
  command = plan
  variables {
    max_workers = 200
  }
  assert {
    condition     = length(aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].step_adjustment) <= 20
    error_message = "A policy has at most 20 steps."
  }
  assert {
    condition     = max([for step in aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment]...) == 200 && min([for step in aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment]...) == 1
    error_message = "The steps must reach from 1 to max_workers."
  }
  assert {
    condition = alltrue([
      for step in aws_appautoscaling_policy.follow.step_scaling_policy_configuration[0].step_adjustment :
      step.metric_interval_upper_bound == null || tonumber(coalesce(step.metric_interval_upper_bound, "0")) == step.scaling_adjustment
    ])
    error_message = "What lies between two steps must get the larger."
  }
}

run "max_below_min" {
  command = plan
  variables {
    min_workers = 5
  }
  expect_failures = [var.max_workers]
}

run "no_worker" {
  command = plan
  variables {
    max_workers = 0
  }
  expect_failures = [var.max_workers]
}

run "more_than_the_quota" {
  command = plan
  variables {
    fargate_vcpu_quota = 3
  }
  expect_failures = [var.max_workers]
}

run "no_quiet" {
  command = plan
  variables {
    quiet_minutes = 0
  }
  expect_failures = [var.quiet_minutes]
}

run "half_a_worker" {
  command = plan
  variables {
    max_workers = 1.5
  }
  expect_failures = [var.max_workers]
}
