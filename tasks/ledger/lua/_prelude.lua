-- Loaded before every script. Names the keys, and has the changes that several scripts share.
--
-- ARGV[1] key prefix    ARGV[2] now in ms, or '' for the server's own clock
-- ARGV[3] wake-up grace in ms            ARGV[4] length of a lease in ms
-- ARGV[5] release window W               ARGV[6] the maximum number of tries of a step
-- ARGV[7] time to live of a result in s  ARGV[8] time to live of an ended job's record in s
-- The script's own arguments follow; `arg(1)` is the first. The headers of the scripts list these.
--
-- A step's record, in the hash job:ID:steps, is 'STATE ATTEMPT TRIES EXTRA':
--   Q queued     EXTRA: the number of wake-ups that have left its list once its own wake-up has
--   L leased     EXTRA: the worker
--   D delayed    EXTRA: the host that it waits for, or '-'; it cannot be claimed before its due time
-- Invariant: a step has a record exactly while it is in steps:due, and is in steps:queued exactly
-- while its record says Q. Its attempt number never decreases.
--
-- A job's hash has the VERSION of this layout. A job of another version was written by a newer
-- release, and stays unchanged.

local PREFIX = ARGV[1]
local GRACE, LEASE = tonumber(ARGV[3]), tonumber(ARGV[4])
local WINDOW, TRIES = tonumber(ARGV[5]), tonumber(ARGV[6])
local RESULT_TTL, JOB_TTL = tonumber(ARGV[7]), tonumber(ARGV[8])

local NOW = tonumber(ARGV[2])
if not NOW then
  local time = redis.call('TIME')
  NOW = time[1] * 1000 + math.floor(time[2] / 1000)
end

local DUE = PREFIX .. 'steps:due'
local QUEUED = PREFIX .. 'steps:queued'
local PUSHED = PREFIX .. 'wake:pushed'
local EXPIRY = PREFIX .. 'jobs:expiry'
local PAUSED = PREFIX .. 'paused'
local VERSION = '1'
local EVENTS_KEPT = 1000
local ATTEMPTS_KEPT = 1000

local function arg(n) return ARGV[8 + n] end
local function ms(number) return string.format('%.0f', number) end
local function key(id, part)
  return PREFIX .. 'job:' .. id .. (part and ':' .. part or '')
end
local function wake_list(priority) return PREFIX .. 'wake:' .. priority end
local function index_key(state, job_type) return PREFIX .. 'jobs:' .. state .. ':' .. job_type end
local function step(id, name) return id .. '/' .. name end
local function article_index(name) return string.match(name, '^analyse:(%d+)$') end
local function field(id, name) return redis.call('HGET', key(id), name) end
local function final(state)
  return state == 'SUCCESS' or state == 'FAILURE' or state == 'REVOKED'
end

local function read_step(id, name)
  local record = redis.call('HGET', key(id, 'steps'), name)
  if not record then return nil end
  local state, attempt, tries, extra = string.match(record, '^(%u) (%d+) (%d+) (.*)$')
  return {state = state, attempt = tonumber(attempt), tries = tonumber(tries), extra = extra}
end

local function write_step(id, name, state, attempt, tries, extra, due)
  redis.call('HSET', key(id, 'steps'), name,
    state .. ' ' .. ms(attempt) .. ' ' .. ms(tries) .. ' ' .. extra)
  redis.call('ZADD', DUE, ms(due), step(id, name))
end

local function event(id, kind, data)
  redis.call('XADD', key(id, 'events'), 'MAXLEN', '~', EVENTS_KEPT, '*',
    'type', kind, 'data', cjson.encode(data))
end

local function set_state(id, state)
  local old, job_type = unpack(redis.call('HMGET', key(id), 'state', 'type'))
  redis.call('HSET', key(id), 'state', state)
  redis.call('ZREM', index_key(old, job_type), id)
  redis.call('ZADD', index_key(state, job_type), 0, id)
  event(id, 'state', {state = state})
end

-- Sends a wake-up. Returns the number of wake-ups that will have left its list once this one has. A
-- wake-up at the front is not counted as pushed: when it has left, the list is as before.
local function push_wakeup(priority, member, to_front)
  local list = wake_list(priority)
  if not to_front then
    redis.call('RPUSH', list, member)
    return redis.call('HINCRBY', PUSHED, priority, 1)
  end
  local behind = redis.call('LPUSH', list, member) - 1
  return tonumber(redis.call('HGET', PUSHED, priority) or 0) - behind
end

-- Makes a step claimable and wakes a worker. A step that had a worker goes to the front.
local function queue_step(id, name, attempt, tries, to_front)
  local taken = push_wakeup(field(id, 'priority'), step(id, name), to_front)
  redis.call('ZADD', QUEUED, ms(NOW), step(id, name))
  write_step(id, name, 'Q', attempt, tries, ms(taken), NOW + GRACE)
end

local function close_step(id, name)
  redis.call('HDEL', key(id, 'steps'), name)
  redis.call('ZREM', DUE, step(id, name))
  redis.call('ZREM', QUEUED, step(id, name))
end

local function log_attempt(id, name, attempt, outcome, reason, detail)
  local attempts = key(id, 'attempts')
  redis.call('RPUSH', attempts, cjson.encode({
    step = name, attempt = attempt, outcome = outcome, reason = reason, detail = detail, at_ms = NOW}))
  redis.call('LTRIM', attempts, -ATTEMPTS_KEPT, -1)
end

-- Makes the first step due: at once, or at the job's start time.
local function begin(id)
  local start = tonumber(field(id, 'not_before_ms'))
  if start and start > NOW then return write_step(id, 'discover', 'D', 0, 0, '-', start) end
  if field(id, 'state') == 'WAITING' then set_state(id, 'PENDING') end
  queue_step(id, 'discover', 0, 0)
end

-- Ends one job: closes its steps, and gives each of its keys a time to live.
-- Returns the ids of the jobs that wait for it, in the order of their submission.
local function end_single(id, state, error)
  for _, name in ipairs(redis.call('HKEYS', key(id, 'steps'))) do close_step(id, name) end
  redis.call('ZREM', DUE, step(id, 'deadline'))
  redis.call('HSET', key(id), 'finished_ms', ms(NOW))
  if error then redis.call('HSET', key(id), 'error', error) end
  set_state(id, state)
  event(id, 'end', {state = state})
  local dependents = redis.call('SMEMBERS', key(id, 'dependents'))
  table.sort(dependents)
  redis.call('UNLINK', key(id, 'evidence'), key(id, 'steps'), key(id, 'dependents'))
  redis.call('EXPIRE', key(id), JOB_TTL)
  for _, part in ipairs({'articles', 'failures', 'attempts', 'events'}) do
    redis.call('EXPIRE', key(id, part), JOB_TTL)
  end
  for _, part in ipairs({'outcomes', 'result'}) do
    redis.call('EXPIRE', key(id, part), RESULT_TTL)
  end
  redis.call('ZADD', EXPIRY, ms(NOW + JOB_TTL * 1000),
    state .. '/' .. field(id, 'type') .. '/' .. id)
  return dependents
end

-- Ends a job. After SUCCESS the jobs that wait for it may start; otherwise they end in FAILURE too,
-- and so do those that wait for them.
local function end_job(id, state, error)
  local ended = {{id = id, state = state, dependents = end_single(id, state, error)}}
  for _, job in ipairs(ended) do  -- the list grows during the loop
    for _, dependent in ipairs(job.dependents) do
      if field(dependent, 'state') == 'WAITING' then
        if job.state ~= 'SUCCESS' then
          local why = 'dependency_failed: Job ' .. job.id .. ' ended in ' .. job.state .. '.'
          table.insert(ended, {id = dependent, state = 'FAILURE',
            dependents = end_single(dependent, 'FAILURE', why)})
        elseif redis.call('HINCRBY', key(dependent), 'waits_for', -1) == 0 then
          begin(dependent)
        end
      end
    end
  end
end

-- A cancelled job is REVOKED once its last step has stopped.
local function revoke_if_idle(id)
  if field(id, 'cancelled') and redis.call('HLEN', key(id, 'steps')) == 0 then
    end_job(id, 'REVOKED')
  end
end

-- Keeps at most W steps of the job open; `rank` follows the last article. `rank` goes to the front:
-- it is short, and nothing else keeps the job from its end. `attempt` is the last attempt that `rank`
-- may have had, 0 unless the job has lost its steps.
local function release(id, attempt)
  local next_index, total, settled = unpack(redis.call('HMGET', key(id), 'next', 'total', 'settled'))
  next_index, total = tonumber(next_index), tonumber(total)
  if tonumber(settled) == total then return queue_step(id, 'rank', attempt or 0, 0, true) end
  local open = redis.call('HLEN', key(id, 'steps'))
  while open < WINDOW and next_index < total do
    queue_step(id, 'analyse:' .. ms(next_index), 0, 0)
    next_index, open = next_index + 1, open + 1
  end
  redis.call('HSET', key(id), 'next', ms(next_index))
end

local function count_settled(id, counter)
  redis.call('HINCRBY', key(id), counter, 1)
  return redis.call('HINCRBY', key(id), 'settled', 1)
end

local function article_url(id, index)
  return cjson.decode(redis.call('HGET', key(id, 'articles'), index)).url
end

-- Settles an article without an analysis.
local function settle_failed(id, index, reason, detail)
  local failure = {url = article_url(id, index), reason = reason, detail = detail}
  redis.call('RPUSH', key(id, 'failures'), cjson.encode(failure))
  failure.type = 'failed'
  redis.call('HSET', key(id, 'outcomes'), index, cjson.encode(failure))
  local settled = count_settled(id, 'failed')
  event(id, 'article', {index = tonumber(index), outcome = 'failed', current = settled})
end

-- Fails a step permanently: closes it, and settles its article or ends its job.
local function fail_step(id, name, reason, detail)
  close_step(id, name)
  local index, cancelled = article_index(name), field(id, 'cancelled')
  if index then settle_failed(id, index, reason, detail) end
  if cancelled then return revoke_if_idle(id) end
  if not index then return end_job(id, 'FAILURE', reason .. ': ' .. detail) end
  release(id)
end

-- The record of a step if this attempt still holds its lease, else nil. Every script that finishes a
-- step calls this fence.
local function held(id, name, attempt)
  local record = read_step(id, name)
  if record and record.state == 'L' and record.attempt == tonumber(attempt) then return record end
end
