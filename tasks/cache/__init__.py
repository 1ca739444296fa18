"""What may be remembered and may be lost: bounded stores of bytes, the `Cache` of `tasks.ports`.

Redis never evicts by itself here, as it holds the ledger too. So each cache keeps to its own bound,
and gives way altogether where Redis runs short of memory. No cache fails a job: what cannot be
read is a miss, and what cannot be written is dropped.
"""
