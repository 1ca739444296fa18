mock_provider "aws" {}

variables {
  name        = "curator-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
}

run "tags_never_move" {
  command = plan
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "A tag that moves makes a roll-back a guess."
  }
  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this.policy).rules[0].selection.countNumber == 20
    error_message = "The newest 20 images must be kept."
  }
}

run "nothing_to_go_back_to" {
  command = plan
  variables {
    kept_images = 1
  }
  expect_failures = [var.kept_images]
}
