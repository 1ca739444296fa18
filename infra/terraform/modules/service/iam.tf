# The execution role starts tasks: it pulls the image, reads the secrets, opens the logs. The task role is
# what the code itself may do: nothing for web; a worker may protect itself from scaling in while it is busy.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = split(":", var.cluster.arn)[4] } }
    }]
  })

  to_log = {
    Sid      = "Log"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
  to_pull = var.repository_arn == null ? [] : [
    {
      Sid      = "Pull"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = [var.repository_arn]
    },
    {
      Sid      = "LogIn" # this action knows no resource
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken"]
      Resource = ["*"]
    },
  ]
  to_read_secrets = [
    for statement in [
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = values(var.secrets)
      },
      {
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      },
    ] : statement if length(var.secrets) > 0
  ]
}

resource "aws_iam_role" "execution" {
  name               = "${local.full_name}-execution"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.to_log], local.to_pull, local.to_read_secrets)
  })
}

resource "aws_iam_role" "task" {
  name               = "${local.full_name}-task"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "protect" {
  count = var.role == "worker" ? 1 : 0

  name = "protect"
  role = aws_iam_role.task.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Protect"
      Effect    = "Allow"
      Action    = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
      Resource  = ["${replace(var.cluster.arn, ":cluster/", ":task/")}/*"]
      Condition = { ArnEquals = { "ecs:cluster" = var.cluster.arn } }
    }]
  })
}
