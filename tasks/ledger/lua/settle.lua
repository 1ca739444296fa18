-- Ends an `analyse` step: stores the outcome of its article and releases the next steps.
-- args: 1 job id, 2 step, 3 attempt, 4 outcome (JSON), 5 evidence for `rank`, 6 to 8 see `ended`
-- returns: see `ended_before` if the lease was lost, else `ended`.
-- Invariant: an article has one outcome, and `settled` counts the outcomes.
local id, name, index = arg(1), arg(2), article_index(arg(2))
local record = held(id, name, arg(3))
if not record then return ended_before(arg(6), arg(7)) end
close_step(id, name, true)
redis.call('HSET', key(id, 'outcomes'), index, arg(4))
if arg(5) ~= '' then redis.call('HSET', key(id, 'evidence'), index, arg(5)) end
count_settled(id, 'processed')
if record.attempt > 1 then log_attempt(id, name, record.attempt, 'analysed') end
release(id)
return ended(id, arg(6), arg(7), arg(8))
