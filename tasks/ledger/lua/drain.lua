-- Asks a worker to claim no more steps and to end. The worker learns of it at its next renewal.
-- args: 1 worker
-- returns: 1, or 0 if no such worker renewed its leases lately.
-- Invariant: only known workers are draining.
if not redis.call('ZSCORE', PREFIX .. 'workers', arg(1)) then return 0 end
redis.call('SADD', PREFIX .. 'workers:draining', arg(1))
return 1
