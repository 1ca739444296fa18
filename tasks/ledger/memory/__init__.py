"""The ledger in plain Python: the specification of the one in Redis, and enough for one process.

Read `life_cycle` first: it has every change of a job. `ledger` has the calls, which combine these
changes, and `reaping` the changes that the passing of time causes. Both ledgers run the same
contract tests, and a state machine drives them side by side.
"""

from tasks.ledger.memory.ledger import MemoryLedger

__all__ = ["MemoryLedger"]
