-- Moves on the steps whose due time has passed, and forgets expired jobs and silent workers.
-- args: 1 the maximum number of due times, and of expired jobs, 2 ms after which a silent worker is
--       forgotten, 3 '1' to be lenient
-- returns: {steps with a new wake-up, expired leases, started steps, expired jobs, due times that had
--           passed}
-- Invariant: after this, each of these steps is claimable, leased, or due at a later time.
-- A step that lost its worker has waited in its list before, so it goes to the front. So does a step
-- that waited for a host, because its turn there passes.
local NEWER_MS = 60000
local woken, lost, started, expired = 0, 0, 0, 0
local paused = redis.call('EXISTS', PAUSED) == 1

-- If no reaper has run for a while, Redis itself was unavailable, and no worker could renew its leases.
-- Workers then get a moment to renew them before any is ended.
local AWAY_MS, LENIENT_MS = 2000, 1500
local function lenient_until()
  if arg(3) ~= '1' then return 0 end
  local reaper = PREFIX .. 'reaper'
  local at, until_ms = unpack(redis.call('HMGET', reaper, 'at', 'lenient_until'))
  redis.call('HSET', reaper, 'at', ms(NOW))
  if at and NOW - tonumber(at) > AWAY_MS then
    until_ms = NOW + LENIENT_MS
    redis.call('HSET', reaper, 'lenient_until', ms(until_ms))
  end
  return tonumber(until_ms or 0)
end
local LENIENT_UNTIL = lenient_until()

-- A queued step whose wake-up is still in its list only waits for a worker.
local function wakeup_taken(record, priority)
  local pushed = tonumber(redis.call('HGET', PUSHED, priority) or 0)
  return tonumber(record.extra) <= pushed - redis.call('LLEN', wake_list(priority))
end

local function end_lease(id, name, record)
  if NOW < LENIENT_UNTIL then return redis.call('ZADD', DUE, ms(LENIENT_UNTIL), step(id, name)) end
  lost = lost + 1
  log_attempt(id, name, record.attempt, 'lost')
  if field(id, 'cancelled') then
    close_step(id, name)
    revoke_if_idle(id)
  elseif record.tries >= TRIES then
    fail_step(id, name, 'worker_lost',
      'The worker was lost while it ran this, ' .. ms(record.tries) .. ' times.')
  else
    queue_step(id, name, record.attempt, record.tries, true)
  end
end

-- Closes the open steps of a job. Returns the articles that have not settled, in order.
local function close_unsettled(id)
  local unsettled = {}
  for _, name in ipairs(redis.call('HKEYS', key(id, 'steps'))) do
    close_step(id, name)
    if article_index(name) then table.insert(unsettled, tonumber(article_index(name))) end
  end
  table.sort(unsettled)
  local next_index, total = unpack(redis.call('HMGET', key(id), 'next', 'total'))
  for index = tonumber(next_index or 0), tonumber(total or 0) - 1 do
    table.insert(unsettled, index)
  end
  return unsettled
end

-- A deadline has no effect on a job that is being ranked or cancelled.
local function reach_deadline(id)
  local pending = redis.call('ZREM', DUE, step(id, 'deadline')) == 1
  if not pending then return end  -- the job has ended in this same round
  if read_step(id, 'rank') or field(id, 'cancelled') then return end
  for _, index in ipairs(close_unsettled(id)) do
    settle_failed(id, ms(index), 'deadline_reached', 'The deadline of the job had passed.')
  end
  local total = field(id, 'total') or 0
  redis.call('HSET', key(id), 'deadline_reached', 1, 'total', total, 'next', total)
  if field(id, 'state') == 'WAITING' then set_state(id, 'PENDING') end
  release(id)
end

local function move_on(member)
  local id, name = string.match(member, '^([^/]+)/(.+)$')
  local state, priority, version =
    unpack(redis.call('HMGET', key(id), 'state', 'priority', 'v'))
  if not state then return redis.call('ZREM', DUE, member) end
  if version ~= VERSION then return redis.call('ZADD', DUE, ms(NOW + NEWER_MS), member) end
  if name == 'deadline' then return reach_deadline(id) end
  local record = read_step(id, name)
  if not record then return close_step(id, name) end
  if record.state == 'L' then return end_lease(id, name, record) end
  if record.state == 'D' then
    started = started + 1
    if state == 'WAITING' then set_state(id, 'PENDING') end
    queue_step(id, name, record.attempt, record.tries, record.extra ~= '-')
  elseif not paused and wakeup_taken(record, priority) then
    woken = woken + 1
    queue_step(id, name, record.attempt, record.tries)
  else
    redis.call('ZADD', DUE, ms(NOW + GRACE), member)
  end
end

local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', ms(NOW), 'LIMIT', 0, arg(1))
for _, member in ipairs(due) do move_on(member) end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', ms(NOW), 'LIMIT', 0, arg(1))) do
  local state, job_type, id = string.match(member, '^(%u+)/([%l_]+)/(.+)$')
  redis.call('ZREM', index_key(state, job_type), id)
  redis.call('ZREM', EXPIRY, member)
  expired = expired + 1
end
local silent_since = ms(NOW - tonumber(arg(2)))
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'workers', '-inf', silent_since)) do
  redis.call('ZREM', PREFIX .. 'workers', worker)
  redis.call('HDEL', PREFIX .. 'workers:info', worker)
  redis.call('SREM', PREFIX .. 'workers:draining', worker)
end
return {woken, lost, started, expired, #due}
