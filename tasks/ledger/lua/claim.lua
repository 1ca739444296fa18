-- Gives a worker the lease of a queued step.
-- args: 1 job id, 2 step, 3 worker, 4 '1' if the worker wants the job's text too, 5 a word that no
--       other claim of this worker has, or ''
-- gives: {attempt, tries, job or '', candidate or ''}, or why not: 'unknown', 'newer', 'settled',
--        'leased', 'delayed', 'cancelled', 'paused'.
-- Invariant: at most one lease of a step at a time; each has a higher attempt than the last. The
-- same claim gets the same lease again: its first answer may have been lost.
local id, name = arg(1), arg(2)
local holder = arg(5) == '' and arg(3) or arg(3) .. '#' .. arg(5)
local state, cancelled, version = unpack(redis.call('HMGET', key(id), 'state', 'cancelled', 'v'))
if not state then return 'unknown' end
if version ~= VERSION then return 'newer' end
local record = read_step(id, name)
if not record then return 'settled' end
local index = article_index(name)
local function granted(attempt, tries)
  return {attempt, tries,
    arg(4) == '1' and field(id, 'job') or '',
    index and redis.call('HGET', key(id, 'articles'), index) or ''}
end
if record.state == 'L' then
  if arg(5) == '' or record.extra ~= holder then return 'leased' end
  return granted(record.attempt, record.tries)
end
if record.state == 'D' then return 'delayed' end
if cancelled then
  close_step(id, name)
  revoke_if_idle(id)
  return 'cancelled'
end
if redis.call('EXISTS', PAUSED) == 1 then return 'paused' end
local attempt, tries = record.attempt + 1, record.tries + 1
write_step(id, name, 'L', attempt, tries, holder, NOW + LEASE)
redis.call('ZREM', QUEUED, step(id, name))
redis.call('HINCRBY', key(id), 'attempts', 1)
if state == 'PENDING' then
  redis.call('HSET', key(id), 'started_ms', ms(NOW))
  set_state(id, 'PROGRESS')
end
return granted(attempt, tries)
