# One role of the image on ECS: its task definition, service, logs and network rules. Used for web and for worker.

locals {
  full_name  = "${var.name}-${var.role}"
  port       = 8000
  has_access = var.load_balancer != null
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a decision of the operator (log_days)
  name              = "/${var.name}/${var.role}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu)
  memory                   = tostring(var.memory)
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  # The root is read-only; /tmp is the one place to write. The image declares it as a volume, open to its user.
  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = var.role
    image                  = var.image
    command                = [var.role]
    essential              = true
    user                   = "10001"
    readonlyRootFilesystem = true
    stopTimeout            = var.stop_seconds
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    portMappings           = local.has_access ? [{ containerPort = local.port, protocol = "tcp" }] : []
    environment            = [for name, value in var.environment : { name = name, value = value }]
    secrets                = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = var.role
        mode                  = "non-blocking"
        max-buffer-size       = "8m"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name            = local.full_name
  cluster         = var.cluster.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.tasks
  propagate_tags  = "SERVICE"

  # Tasks read their secrets when they start.
  force_new_deployment = true
  triggers             = { secrets = tostring(var.secrets_version) }

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  enable_execute_command             = false
  health_check_grace_period_seconds  = local.has_access ? 30 : null

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.capacity.on_demand_base
    weight            = var.capacity.on_demand_weight
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity.spot_weight > 0 ? [var.capacity.spot_weight] : []
    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = capacity_provider_strategy.value
    }
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = local.has_access ? [var.load_balancer] : []
    content {
      target_group_arn = load_balancer.value.target_group_arn
      container_name   = var.role
      container_port   = local.port
    }
  }

  # A release whose tasks do not start goes back to the one before by itself.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The number belongs to autoscaling: an apply must neither stop workers nor start them.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # What a task needs from its first second.
  depends_on = [
    aws_iam_role_policy.execution,
    aws_vpc_security_group_egress_rule.out,
    aws_vpc_security_group_egress_rule.to_queue,
    aws_vpc_security_group_ingress_rule.queue_from_here,
  ]
}
