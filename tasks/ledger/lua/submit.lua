-- Writes a job with its first step, and wakes a worker.
-- args: 1 id, 2 job (msgpack), 3 type, 4 priority, 5 submitted ms, 6 traceparent or '',
--       7 start time in ms or '', 8 deadline in ms or ''
-- gives: 1 if written, 0 if the id is known already (a submit that was sent twice).
-- Invariant: a job is never in the ledger without a step that is due.
local id = arg(1)
if redis.call('EXISTS', key(id)) == 1 then return 0 end
local start, deadline = tonumber(arg(7)), tonumber(arg(8))
local waits = start and start > NOW
local state = waits and 'WAITING' or 'PENDING'
redis.call('HSET', key(id), 'job', arg(2), 'type', arg(3), 'priority', arg(4), 'state', state,
  'submitted_ms', arg(5), 'traceparent', arg(6), 'settled', 0, 'processed', 0, 'failed', 0,
  'attempts', 0)
redis.call('ZADD', index_key(state, arg(3)), 0, id)
event(id, 'state', {state = state})
if deadline then redis.call('ZADD', DUE, ms(deadline), step(id, 'deadline')) end
if waits then
  write_step(id, 'discover', 'D', 0, 0, '-', start)
else
  queue_step(id, 'discover', 0, 0)
end
return 1
