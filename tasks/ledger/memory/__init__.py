"""The ledger in plain Python: the specification of the one on Redis, and enough for one process.

Read `life_cycle` first: it holds every change of a job. `ledger` says which call makes which
change, `reaping` what time alone does. Both ledgers run the same contract tests, and a state
machine drives them side by side.
"""

from tasks.ledger.memory.ledger import MemoryLedger

__all__ = ["MemoryLedger"]
