-- How a worker gets the lease of a queued step. `holder` is the worker, with an identifier of this claim among
-- the worker's claims if there is one.
--
-- Returns {attempt, tries, job (msgpack) or '', candidate (JSON) or '', the ms for which the step was queued or
-- -1 for a repeated claim}, or the reason for a refusal.
local TAKES = 3  -- wake-ups that may prove to be stale

local function claim_step(id, name, worker, claim_id, with_job)
  local holder = claim_id == '' and worker or worker .. '#' .. claim_id
  local state, cancelled, version = unpack(redis.call('HMGET', key(id), 'state', 'cancelled', 'v'))
  if not state then return 'unknown' end
  if version ~= VERSION then return 'newer' end
  local record = read_step(id, name)
  if not record then return 'settled' end
  local index = article_index(name)
  local function granted(attempt, tries, waited)
    return {attempt, tries,
      with_job and field(id, 'job') or '',
      index and redis.call('HGET', key(id, 'articles'), index) or '', waited}
  end
  if record.state == 'L' then
    if claim_id == '' or record.extra ~= holder then return 'leased' end
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
end

-- The reply of a script whose lease is lost. A worker repeats a call whose reply it did not get: if that call
-- ended the step and gave the next one, it is given again, as in a repeated claim. Else {0}.
local function ended_before(worker, claim_id)
  if claim_id == '' then return {0} end
  local holder = worker .. '#' .. claim_id
  local newest = redis.call('ZREVRANGEBYSCORE', DUE, ms(NOW + LEASE), '-inf', 'LIMIT', 0, SLICE)
  for _, member in ipairs(newest) do
    local id, name = string.match(member, '^([^/]+)/(.+)$')
    local record = id and read_step(id, name)
    if record and record.state == 'L' and record.extra == holder then
      local claim = claim_step(id, name, worker, claim_id, true)
      if type(claim) == 'table' then return {1, member, unpack(claim)} end
    end
  end
  return {0}
end

-- The reply of a script that has ended a step of this job: 1 and, if the worker has asked for it, the claim of
-- the step that is next in the list: its wake-up, and what `claim_step` returns. `alone`: '1' if there is no
-- other worker. Another one that waits for a wake-up gets it instead: it has less to do.
local function ended(known, worker, claim_id, alone)
  if claim_id == '' or redis.call('EXISTS', PAUSED) == 1 then return {1} end
  finish()
  if alone ~= '1' and redis.call('LLEN', READY) < 2 then return {1} end
  for _ = 1, TAKES do
    local member = redis.call('LPOP', READY)
    if not member then break end
    local id, name = string.match(member, '^([^/]+)/(.+)$')
    local claim = id and claim_step(id, name, worker, claim_id, id ~= known)
    if type(claim) == 'table' then return {1, member, unpack(claim)} end
  end
  return {1}
end
