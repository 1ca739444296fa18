# What an environment has to be told; the values are those of nobody. Passwords and keys come from the environment
# (TF_VAR_queue_password, TF_VAR_secret_values), so that they are in no file.
account_id         = "123456789012"
region             = "eu-central-1"
availability_zones = ["eu-central-1a", "eu-central-1b"]
domain             = "curator.example.com"
certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
allowed_cidrs      = ["203.0.113.0/24", "2001:db8::/32"]
image_digest       = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
fargate_vcpu_quota = 20
