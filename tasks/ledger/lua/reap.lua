-- Moves on the steps whose due time has passed, and forgets expired jobs and silent workers.
-- args: 1 the maximum number of due times, and of expired jobs, 2 ms after which a silent worker is
--       forgotten, 3 '1' to be lenient
-- returns: {steps with a new wake-up, expired leases, started steps, expired jobs, due times that had
--           passed}
-- Invariant: after this, each of these steps is claimable, leased, or due at a later time.
-- A step that lost its worker has waited in its list before, so it goes to the front. So does a step
-- that waited for a host, because its turn there passes.
local NEWER_MS, CALLERS_EXAMINED, STEPS_EXAMINED = 60000, 20, 5
local woken, lost, started, expired = 0, 0, 0, 0
local paused = redis.call('EXISTS', PAUSED) == 1

-- If no reaper has run for a while, Redis itself was unavailable, and no worker could renew its leases.
-- Workers then get a moment to renew them before any is ended.
local AWAY_MS, LENIENT_MS = 2000, 1500
local REAPER = PREFIX .. 'reaper'
local BEHIND_MS, MOVED_AT_ONCE = 1000, 1000

-- If the clock was set back, what was to happen after some time would happen that much later: moves it
-- by as much. What is to happen at a moment, like a start time or a deadline, stays. A step that
-- is moved twice is only due too early.
local function follow_clock(at)
  if at and NOW < at - BEHIND_MS then
    redis.call('HSET', REAPER, 'set_back', ms(at - NOW), 'cursor', 0)
    for _, worker in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'workers', ms(NOW), '+inf')) do
      redis.call('ZADD', PREFIX .. 'workers', ms(NOW), worker)
    end
  end
  local set_back, cursor = unpack(redis.call('HMGET', REAPER, 'set_back', 'cursor'))
  if not set_back then return end
  local page = redis.call('ZSCAN', DUE, cursor, 'COUNT', MOVED_AT_ONCE)
  for n = 1, #page[2], 2 do
    local member, due = page[2][n], tonumber(page[2][n + 1])
    local id, name = string.match(member, '^([^/]+)/(.+)$')
    local record = due > NOW and read_step(id, name)
    if record and record.state == 'L' then
      redis.call('ZADD', DUE, ms(math.min(due, NOW + LEASE)), member)
    elseif record and (record.state == 'Q' or record.extra ~= '-' or record.attempt > 0) then
      redis.call('ZADD', DUE, ms(due - set_back), member)
    end
  end
  redis.call('HSET', REAPER, 'cursor', page[1])
  if page[1] == '0' then redis.call('HDEL', REAPER, 'set_back', 'cursor') end
end

local function lenient_until()
  if arg(3) ~= '1' then return 0 end
  local at, until_ms = unpack(redis.call('HMGET', REAPER, 'at', 'lenient_until'))
  redis.call('HSET', REAPER, 'at', ms(NOW))
  follow_clock(tonumber(at))
  if at and NOW - tonumber(at) > AWAY_MS then
    until_ms = NOW + LENIENT_MS
    redis.call('HSET', REAPER, 'lenient_until', ms(until_ms))
  end
  return tonumber(until_ms or 0)
end
local LENIENT_UNTIL = lenient_until()

-- An admitted step whose wake-up is still in the list only waits for a worker.
local function wakeup_taken(record)
  local pushed, waiting = tonumber(redis.call('HGET', PUSHED, 'ready') or 0), redis.call('LLEN', READY)
  return waiting == 0 or tonumber(record.extra) <= pushed - waiting
end

-- A step that is neither admitted nor in the backlog was queued by a worker of an older release.
local function examine_queued(id, name, record)
  local caller, member = owner(id), step(id, name)
  if redis.call('ZSCORE', caller.backlog_key, member) then
    return redis.call('ZADD', DUE, ms(NOW + BACKLOG_GRACE), member)
  end
  local admitted = redis.call('SISMEMBER', caller.admitted_key, member) == 1
  if admitted and (paused or not wakeup_taken(record)) then
    return redis.call('ZADD', DUE, ms(NOW + GRACE), member)
  end
  woken = woken + 1
  count(1, 'wakeups_lost')
  if not admitted then return queue_step(id, name, record.attempt, record.tries) end
  redis.call('ZADD', QUEUED, ms(NOW), member)
  write_step(id, name, 'Q', record.attempt, record.tries, admit(caller, member), NOW + GRACE)
end

local function end_lease(id, name, record)
  if NOW < LENIENT_UNTIL then return redis.call('ZADD', DUE, ms(LENIENT_UNTIL), step(id, name)) end
  lost = lost + 1
  log_attempt(id, name, record.attempt, 'lost')
  withdraw(id, name)
  if field(id, 'cancelled') then
    close_step(id, name)
    revoke_if_idle(id)
  elseif record.tries >= TRIES then
    fail_step(id, name, 'worker_lost',
      'The worker was lost while it ran this, ' .. ms(record.tries) .. ' times.')
  else
    if article_index(name) then redis.call('HINCRBY', key(id), 'reanalysed', 1) end
    queue_step(id, name, record.attempt, record.tries, true)
  end
end

-- Closes the open steps of a job. Returns the indexes of their articles, in order.
local function close_open_steps(id)
  local open = {}
  for _, name in ipairs(redis.call('HKEYS', key(id, 'steps'))) do
    close_step(id, name)
    if article_index(name) then table.insert(open, tonumber(article_index(name))) end
  end
  table.sort(open)
  return open
end

-- A deadline has no effect on a job that is being ranked or cancelled. It stays due until the last article
-- has failed; `unreleased` is the first that has not. Nothing else can happen to the job meanwhile.
local function reach_deadline(id)
  local unreleased, next_index, total = unpack(redis.call('HMGET', key(id), 'unreleased', 'next', 'total'))
  next_index, total = tonumber(next_index or 0), tonumber(total or 0)
  local unsettled = {}
  if not unreleased then
    if read_step(id, 'rank') or field(id, 'cancelled') then
      return redis.call('ZREM', DUE, step(id, 'deadline'))
    end
    unsettled, unreleased = close_open_steps(id), next_index
    redis.call('HSET', key(id), 'deadline_reached', 1, 'total', ms(total), 'next', ms(total))
    if field(id, 'state') == 'WAITING' then set_state(id, 'PENDING') end
  end
  unreleased = tonumber(unreleased)
  while unreleased < total and slice_left > 0 do
    table.insert(unsettled, unreleased)
    unreleased, slice_left = unreleased + 1, slice_left - 1
  end
  for _, index in ipairs(unsettled) do
    settle_failed(id, ms(index), 'deadline_reached', 'The deadline of the job had passed.')
  end
  if unreleased < total then return redis.call('HSET', key(id), 'unreleased', ms(unreleased)) end
  redis.call('HDEL', key(id), 'unreleased')
  redis.call('ZREM', DUE, step(id, 'deadline'))
  release(id)
end

local function move_on(member)
  local id, name = string.match(member, '^([^/]+)/(.+)$')
  local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
  if not state then return redis.call('ZREM', DUE, member) end
  if version ~= VERSION then return redis.call('ZADD', DUE, ms(NOW + NEWER_MS), member) end
  if name == 'deadline' and final(state) then return redis.call('ZREM', DUE, member) end
  if name == 'deadline' then return reach_deadline(id) end
  if name == 'dependents' then
    redis.call('ZREM', DUE, member)
    return final(state) and settle_dependents(id, state)
  end
  local record = read_step(id, name)
  if not record then return close_step(id, name) end
  if record.state == 'L' then return end_lease(id, name, record) end
  if record.state == 'Q' then return examine_queued(id, name, record) end
  started = started + 1
  if state == 'WAITING' then set_state(id, 'PENDING') end
  queue_step(id, name, record.attempt, record.tries, record.extra ~= '-')
end

-- Finds what a worker of an older release has left: it does not know callers. `finish` then admits steps of
-- these callers, if their window has grown.
local function examine_caller(name)
  local caller = open_caller(name)
  for _, member in ipairs(redis.call('SRANDMEMBER', caller.admitted_key, STEPS_EXAMINED)) do
    local id, step_name = string.match(member, '^([^/]+)/(.+)$')
    local record = read_step(id, step_name)
    if not record or record.state == 'D' then withdraw(id, step_name) end
  end
  for _, id in ipairs(redis.call('HRANDFIELD', caller_key(name, 'jobs'), STEPS_EXAMINED)) do
    local state = field(id, 'state')
    if not state or final(state) then end_usage(id, name) end
  end
  local seen = tonumber(redis.call('ZSCORE', CALLERS, name))
  if caller.admitted + caller.backlog == 0 and seen <= NOW - ACTIVE_MS then
    redis.call('ZREM', CALLERS, name)
  end
end

local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', ms(NOW), 'LIMIT', 0, arg(1))
for _, member in ipairs(due) do move_on(member) end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', ms(NOW), 'LIMIT', 0, arg(1))) do
  local state, job_type, id = string.match(member, '^(%u+)/([%l_]+)/(.+)$')
  redis.call('ZREM', index_key(state, job_type), id)
  redis.call('ZREM', EXPIRY, member)
  forget_usage(id)
  expired = expired + 1
end
local silent_since = ms(NOW - tonumber(arg(2)))
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'workers', '-inf', silent_since)) do
  redis.call('ZREM', PREFIX .. 'workers', worker)
  redis.call('HDEL', PREFIX .. 'workers:info', worker)
  redis.call('SREM', PREFIX .. 'workers:draining', worker)
end
for _, name in ipairs(redis.call('ZRANDMEMBER', CALLERS, CALLERS_EXAMINED)) do examine_caller(name) end
-- A slice that was cut short is continued at once.
return {woken, lost, started, expired, slice_left > 0 and #due or tonumber(arg(1))}
