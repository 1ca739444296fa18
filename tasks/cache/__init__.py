"""Bounded stores of bytes, the `Cache` of `tasks.ports`: their content may be lost at any time.

Redis must not evict keys by itself, as it also holds the ledger. So each cache keeps within its own
bound, and empties itself where Redis runs short of memory. A cache never fails a job: a value that
cannot be read is a miss, and a value that cannot be written is dropped.
"""
