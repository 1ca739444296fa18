"""What a job is and how it runs: the ledger, the queue, the worker and its engine."""
