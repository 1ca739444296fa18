"""What a job is, and what clients can do with it."""
