"""The ledger: the record of jobs, steps and articles. The only source of truth."""
