"""When jobs are submitted again."""
