locals {
  signal_dimensions = flatten([for name, value in var.signal.dimensions : [name, value]])
  balancer          = ["LoadBalancer", var.load_balancer.LoadBalancer, "TargetGroup", var.load_balancer.TargetGroup]

  # Of what web emits: each title, its metrics and their statistic.
  ours = [
    { title = "Steps that wait", stat = "Maximum", names = ["steps_queued", "steps_without_worker", "steps_paused"] },
    { title = "Seconds that the oldest step has waited", stat = "Maximum", names = ["oldest_step"] },
    { title = "Jobs that ended, and that failed", stat = "Sum", names = ["jobs_ended", "jobs_failed"] },
    { title = "Attempts again, leases and wake-ups lost", stat = "Sum", names = ["attempts_retried", "leases_lost", "wakeups_lost"] },
  ]

  graphs = concat(local.first_graphs, [
    for graph in local.ours : {
      title   = graph.title
      metrics = [for name in graph.names : concat([var.signal.namespace, name], local.signal_dimensions, [{ stat = graph.stat }])]
    }
  ], local.service_graphs)

  first_graphs = [
    {
      title = "Workers wanted and running"
      metrics = concat(
        [for name in [var.signal.metric_name, "workers"] : concat([var.signal.namespace, name], local.signal_dimensions, [{ stat = "Maximum", period = 10 }])],
        [for name in var.service_names : ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.cluster_name, "ServiceName", name, { stat = "Maximum" }]],
      )
    },
  ]

  service_graphs = [
    {
      title = "Requests, and answers with 5xx"
      metrics = [
        concat(["AWS/ApplicationELB", "RequestCount"], local.balancer, [{ stat = "Sum" }]),
        concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.balancer, [{ stat = "Sum" }]),
      ]
    },
    {
      title = "Seconds that web takes"
      metrics = [
        concat(["AWS/ApplicationELB", "TargetResponseTime"], local.balancer, [{ stat = "p50" }]),
        concat(["AWS/ApplicationELB", "TargetResponseTime"], local.balancer, [{ stat = "p99" }]),
      ]
    },
    {
      title = "Processor and memory of the services, percent"
      metrics = [
        for pair in setproduct(["CPUUtilization", "MemoryUtilization"], var.service_names) :
        ["AWS/ECS", pair[0], "ClusterName", var.cluster_name, "ServiceName", pair[1], { stat = "Maximum" }]
      ]
    },
    {
      title   = "Memory of the queue, percent"
      metrics = [for id in var.queue_node_ids : ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", id, { stat = "Maximum" }]]
    },
    {
      title   = "Processor of the queue, percent"
      metrics = [for id in var.queue_node_ids : ["AWS/ElastiCache", "EngineCPUUtilization", "CacheClusterId", id, { stat = "Maximum" }]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for index, graph in local.graphs : {
        type       = "metric"
        x          = 12 * (index % 2)
        y          = 6 * floor(index / 2)
        width      = 12
        height     = 6
        properties = { title = graph.title, region = var.region, view = "timeSeries", period = 60, metrics = graph.metrics }
      }
    ]
  })
}
