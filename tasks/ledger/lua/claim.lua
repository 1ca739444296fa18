-- Gives a worker the lease of a queued step.
-- args: 1 job id, 2 step, 3 worker, 4 '1' to return the job too, 5 an identifier of this claim among
--       the worker's claims, or ''
-- returns: see `claim_step`. Refusals: 'unknown', 'newer', 'settled', 'leased', 'delayed', 'cancelled' or
--          'paused'.
-- Invariant: a step has at most one lease at a time, and each has a higher attempt than the one before.
-- A repeated claim gets the same lease again, since its first answer may have been lost.
return claim_step(arg(1), arg(2), arg(3), arg(5), arg(4) == '1')
