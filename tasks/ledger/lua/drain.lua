-- Tells a worker to take no more steps and to end; it learns of it at its next renewal.
-- args: 1 worker
-- gives: 1, or 0 if no such worker was heard of lately.
if not redis.call('ZSCORE', PREFIX .. 'workers', arg(1)) then return 0 end
redis.call('SADD', PREFIX .. 'workers:draining', arg(1))
return 1
