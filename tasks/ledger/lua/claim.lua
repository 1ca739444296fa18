-- Gives a worker the lease of a queued step.
-- args: 1 job id, 2 step, 3 worker, 4 '1' to return the job too, 5 an identifier of this claim among
--       the worker's claims, or ''
-- returns: {attempt, tries, job (msgpack) or '', candidate (JSON) or '', the ms for which the step was
--          queued or -1 for a repeated claim}, or the reason for a refusal: 'unknown', 'newer', 'settled',
--          'leased', 'delayed', 'cancelled' or 'paused'.
-- Invariant: a step has at most one lease at a time, and each has a higher attempt than the one before.
-- A repeated claim gets the same lease again, since its first answer may have been lost.
local id, name = arg(1), arg(2)
local holder = arg(5) == '' and arg(3) or arg(3) .. '#' .. arg(5)
local state, cancelled, version = unpack(redis.call('HMGET', key(id), 'state', 'cancelled', 'v'))
if not state then return 'unknown' end
if version ~= VERSION then return 'newer' end
local record = read_step(id, name)
if not record then return 'settled' end
local index = article_index(name)
local function granted(attempt, tries, waited)
  return {attempt, tries,
    arg(4) == '1' and field(id, 'job') or '',
    index and redis.call('HGET', key(id, 'articles'), index) or '', waited}
end
if record.state == 'L' then
  if arg(5) == '' or record.extra ~= holder then return 'leased' end
  return granted(record.attempt, record.tries, -1)
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
local queued = tonumber(redis.call('ZSCORE', QUEUED, step(id, name)) or NOW)
redis.call('ZREM', QUEUED, step(id, name))
if record.extra == BACKLOG then  -- by a wake-up of an older release
  local caller, member = owner(id), step(id, name)
  caller.backlog = caller.backlog - redis.call('ZREM', caller.backlog_key, member)
  caller.admitted = caller.admitted + redis.call('SADD', caller.admitted_key, member)
end
redis.call('HINCRBY', key(id), 'attempts', 1)  -- the fence of steps that are opened again: examine_job.lua
if tries > 1 then redis.call('HINCRBY', key(id), 'retries', 1) end
if state == 'PENDING' then
  redis.call('HSET', key(id), 'started_ms', ms(NOW))
  set_state(id, 'PROGRESS')
end
return granted(attempt, tries, math.max(0, NOW - queued))
