-- Stands before every script. Names the keys, and has the changes that several scripts share. A script is
-- the body of a function, and `begin_call` runs before it: see tasks/ledger/scripts.py.
--
-- ARGV[1] key prefix    ARGV[2] now in ms, or '' for the server's own clock
-- ARGV[3] wake-up grace in ms            ARGV[4] length of a lease in ms
-- ARGV[5] release window W               ARGV[6] the maximum number of tries of a step
-- ARGV[7] time to live of a result in s, unless its job has one of its own
-- ARGV[8] time to live of an ended job's record in s; it never ends before the result
-- ARGV[9] caller window, or 0 for the one that the workers have stored
-- The script's own arguments follow; `arg(1)` is the first. The headers of the scripts list these. After a
-- script, `finish` runs, see _finish.lua.
--
-- A step's record, in the hash job:ID:steps, is 'STATE ATTEMPT TRIES EXTRA':
--   Q queued     EXTRA: the number of wake-ups that have left the list once its own wake-up has, or
--                BACKLOG for a step that has no wake-up yet
--   L leased     EXTRA: the worker
--   D delayed    EXTRA: the host that it waits for, or '-'; it cannot be claimed before its due time
-- Invariant: a step has a record exactly while it is in steps:due, and is in steps:queued exactly
-- while its record says Q. Its attempt number never decreases.
--
-- A job's hash has the VERSION of this layout. A job of another version was written by a newer
-- release, and stays unchanged.

local ARGV  -- of the call that runs
local PREFIX, GRACE, LEASE, WINDOW, TRIES, RESULT_TTL, JOB_TTL, CALLER_WINDOW, NOW
local DUE, QUEUED, READY, PUSHED, CALLERS, EXPIRY, PAUSED, KEPT, ENDED, COUNTERS

local VERSION = '1'
-- Also a number to the reaper of an older release, for which the step's wake-up is then in its list.
local BACKLOG = '9007199254740991'
local EVENTS_KEPT = 1000
local ATTEMPTS_KEPT = 1000
local ENDED_KEPT = 10000  -- ends that no process has logged yet

-- What could take long is done in slices: at most this much in one call. The reaper does the rest.
local SLICE = 500

-- What one call knows already.
local open_callers, owners, slice_left

local function begin_call(arguments)
  ARGV = arguments
  local prefix = ARGV[1]
  GRACE, LEASE = tonumber(ARGV[3]), tonumber(ARGV[4])
  WINDOW, TRIES = tonumber(ARGV[5]), tonumber(ARGV[6])
  RESULT_TTL, JOB_TTL = tonumber(ARGV[7]), tonumber(ARGV[8])
  CALLER_WINDOW = tonumber(ARGV[9])
  open_callers, owners, slice_left = {}, {}, SLICE
  NOW = tonumber(ARGV[2])
  if not NOW then
    local time = redis.call('TIME')
    NOW = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  if prefix == PREFIX then return end
  PREFIX = prefix
  DUE, QUEUED = PREFIX .. 'steps:due', PREFIX .. 'steps:queued'
  READY, PUSHED = PREFIX .. 'wake:ready', PREFIX .. 'wake:pushed'
  CALLERS, PAUSED = PREFIX .. 'callers', PREFIX .. 'paused'
  EXPIRY, KEPT, ENDED = PREFIX .. 'jobs:expiry', PREFIX .. 'jobs:kept', PREFIX .. 'jobs:ended'
  COUNTERS = PREFIX .. 'counters'
end

local function arg(n) return ARGV[9 + n] end
local function ms(number) return string.format('%.0f', number) end
local function key(id, part)
  return PREFIX .. 'job:' .. id .. (part and ':' .. part or '')
end
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

-- For the metrics. A step that succeeds at once is not counted here: workers count it, and it must stay cheap.
local function count(number, ...)
  redis.call('HINCRBY', COUNTERS, table.concat({...}, ' '), number)
end

local function set_state(id, state)
  local old, job_type = unpack(redis.call('HMGET', key(id), 'state', 'type'))
  redis.call('HSET', key(id), 'state', state)
  redis.call('ZREM', index_key(old, job_type), id)
  redis.call('ZADD', index_key(state, job_type), 0, id)
  event(id, 'state', {state = state})
end

-- Callers. Each job belongs to the caller that submitted it. The steps of a caller that are queued or
-- leased are **admitted**, up to the caller window; its other queued steps are in its **backlog**, and
-- only `finish` admits them, in turns between the caller's jobs. Only an admitted step has a wake-up. So
-- a backlog of one caller delays no other caller.
--
--   callers                 sorted set: callers by the time at which they last had work
--   caller:NAME:admitted    set: steps that have a wake-up or a lease
--   caller:NAME:backlog     sorted set: steps by the class of their priority, and in it by turn
--   caller:NAME:turns       hash, while there is a backlog: job id -> its last turn, class -> the turn
--                           that was admitted last, 'admissions' -> their number
local CLASSES, CLASS_SIZE = {high = 0, normal = 1, low = 2}, 2 ^ 40
local MIN_WINDOW = 6
local BACKLOG_GRACE = 60000  -- the reaper only makes sure that a step of a backlog is there
local ACTIVE_MS = 30000  -- a caller is active for this long after it had work

local function caller_window()
  if CALLER_WINDOW == 0 then
    CALLER_WINDOW = tonumber(redis.call('GET', CALLERS .. ':window') or MIN_WINDOW)
  end
  return CALLER_WINDOW
end

local function open_caller(name)
  local caller = open_callers[name]
  if not caller then
    local base = PREFIX .. 'caller:' .. name
    caller = {name = name, admitted_key = base .. ':admitted', backlog_key = base .. ':backlog',
      turns_key = base .. ':turns'}
    caller.admitted = redis.call('SCARD', caller.admitted_key)
    caller.backlog = redis.call('ZCARD', caller.backlog_key)
    caller.has_turns = caller.backlog > 0
    open_callers[name] = caller
  end
  return caller
end

-- The caller of a job, and the job's priority.
local function owner(id)
  local job = owners[id]
  if not job then
    local name, priority = unpack(redis.call('HMGET', key(id), 'caller', 'priority'))
    job = {caller = open_caller(name or ''), priority = priority or 'normal'}
    owners[id] = job
  end
  return job.caller, job.priority
end

-- Sends a wake-up. Returns the number of wake-ups that will have left the list once this one has. A
-- wake-up at the front is not counted as pushed: when it has left, the list is as before.
local function push_wakeup(member, to_front)
  if not to_front then
    redis.call('RPUSH', READY, member)
    return redis.call('HINCRBY', PUSHED, 'ready', 1)
  end
  local behind = redis.call('LPUSH', READY, member) - 1
  return tonumber(redis.call('HGET', PUSHED, 'ready') or 0) - behind
end

local function admit(caller, member, to_front)
  caller.admitted = caller.admitted + redis.call('SADD', caller.admitted_key, member)
  return ms(push_wakeup(member, to_front))
end

-- The turn of a job's next step comes after those of the other jobs' steps that wait already, but before
-- their second ones: as start-time fair queueing has it. `to_front`: before all others.
local function add_to_backlog(caller, id, member, priority, to_front)
  local class = CLASSES[priority]
  local latest, last = unpack(redis.call('HMGET', caller.turns_key, class, id))
  local turn = tonumber(latest or 0)
  if not to_front then
    turn = math.max(turn, tonumber(last or 0)) + 1
    redis.call('HSET', caller.turns_key, id, ms(turn))
  end
  redis.call('ZADD', CALLERS, 'NX', ms(NOW), caller.name)
  local added = redis.call('ZADD', caller.backlog_key, ms(class * CLASS_SIZE + turn), member)
  caller.backlog, caller.has_turns = caller.backlog + added, true
end

-- The step is not queued or leased any more.
local function withdraw(id, name)
  local caller, member = owner(id), step(id, name)
  if caller.admitted > 0 then
    caller.admitted = caller.admitted - redis.call('SREM', caller.admitted_key, member)
  end
  if caller.backlog > 0 then
    caller.backlog = caller.backlog - redis.call('ZREM', caller.backlog_key, member)
  end
end

-- Makes a step claimable, and wakes a worker if the step is admitted. A step that had a worker goes to
-- the front.
local function queue_step(id, name, attempt, tries, to_front)
  local caller, priority = owner(id)
  local member, taken, grace = step(id, name), BACKLOG, BACKLOG_GRACE
  if caller.backlog == 0 and caller.admitted < caller_window() then
    taken, grace = admit(caller, member, to_front), GRACE
  else
    add_to_backlog(caller, id, member, priority, to_front)
  end
  redis.call('ZADD', QUEUED, ms(NOW), member)
  write_step(id, name, 'Q', attempt, tries, taken, NOW + grace)
end

local function close_step(id, name, leased)
  withdraw(id, name)
  redis.call('HDEL', key(id, 'steps'), name)
  redis.call('ZREM', DUE, step(id, name))
  if not leased then redis.call('ZREM', QUEUED, step(id, name)) end
end

-- A leased step becomes delayed.
local function delay_step(id, name, attempt, tries, host, due)
  withdraw(id, name)
  write_step(id, name, 'D', attempt, tries, host, due)
end

local function log_attempt(id, name, attempt, outcome, reason, detail)
  local attempts = key(id, 'attempts')
  redis.call('RPUSH', attempts, cjson.encode({
    step = name, attempt = attempt, outcome = outcome, reason = reason, detail = detail, at_ms = NOW}))
  redis.call('LTRIM', attempts, -ATTEMPTS_KEPT, -1)
  count(1, 'attempts', string.match(name, '^%l+'), outcome, reason or '-')
end

-- Makes the first step due: at once, or at the job's start time.
local function begin(id)
  local start = tonumber(field(id, 'not_before_ms'))
  if start and start > NOW then return write_step(id, 'discover', 'D', 0, 0, '-', start) end
  if field(id, 'state') == 'WAITING' then set_state(id, 'PENDING') end
  queue_step(id, 'discover', 0, 0)
end

-- Usage. What is written for callers is counted, for each caller and in all, so that `submit` can refuse
-- what goes beyond a bound. The bytes of an ended job count until its record expires or is purged.
--
--   usage, caller:NAME   hashes: 'jobs' and 'articles' of active jobs, 'bytes' of all jobs
--   caller:NAME:jobs     hash: id of an active job -> 'ARTICLES BYTES'
--   jobs:kept            hash: id of an ended job -> 'BYTES CALLER'
local function caller_key(name, part)
  return PREFIX .. 'caller:' .. name .. (part and ':' .. part or '')
end

local function add_usage(name, jobs, articles, bytes)
  for _, usage in ipairs({PREFIX .. 'usage', caller_key(name)}) do
    local values = redis.call('HMGET', usage, 'jobs', 'articles', 'bytes')
    for n, change in ipairs({jobs, articles, bytes}) do
      values[n] = math.max(0, tonumber(values[n] or 0) + change)
    end
    if values[1] + values[2] + values[3] == 0 then
      redis.call('DEL', usage)
    else
      redis.call('HSET', usage, 'jobs', ms(values[1]), 'articles', ms(values[2]), 'bytes', ms(values[3]))
    end
  end
end

-- About what a job takes besides its submission, and each of its articles. So much is reserved for an
-- active job. Of an ended one, it is measured, unless that would cost more than the end of a small job.
local RECORD_BYTES, ARTICLE_BYTES, MEASURED_FROM = 3000, 4000, 20
local function reserved_bytes(submission, articles)
  return submission + RECORD_BYTES + articles * ARTICLE_BYTES
end

local function bytes_of_ended(id)
  local submission = redis.call('HSTRLEN', key(id), 'job')
  local settled = tonumber(field(id, 'settled') or 0)
  if settled < MEASURED_FROM then return reserved_bytes(submission, settled) end
  local bytes = submission + RECORD_BYTES
  for _, part in ipairs({'articles', 'outcomes', 'failures', 'attempts', 'events', 'spans', 'result'}) do
    bytes = bytes + (redis.call('MEMORY', 'USAGE', key(id, part)) or 0)
  end
  return bytes
end

-- An active job of a caller has ended. Jobs of an older release are not counted.
local function end_usage(id, name)
  local usage = redis.call('HGET', caller_key(name, 'jobs'), id)
  if not usage then return end
  local articles, bytes = string.match(usage, '^(%d+) (%d+)$')
  local kept = bytes_of_ended(id)
  redis.call('HDEL', caller_key(name, 'jobs'), id)
  redis.call('HSET', KEPT, id, ms(kept) .. ' ' .. name)
  add_usage(name, -1, -articles, kept - bytes)
end

-- The record of an ended job has expired or is purged.
local function forget_usage(id)
  local kept = redis.call('HGET', KEPT, id)
  if not kept then return end
  local bytes, name = string.match(kept, '^(%d+) (.*)$')
  redis.call('HDEL', KEPT, id)
  add_usage(name, 0, 0, -bytes)
end

-- Gives each key of an ended job its time to live: the result and what belongs to it, and the record.
local function expire_job(id, state, job_type, result_ms, record_ms)
  redis.call('HSET', key(id), 'expires_ms', ms(NOW + result_ms))
  redis.call('PEXPIRE', key(id), ms(record_ms))
  for _, part in ipairs({'articles', 'failures', 'attempts', 'events', 'spans', 'dependents'}) do
    redis.call('PEXPIRE', key(id, part), ms(record_ms))
  end
  for _, part in ipairs({'outcomes', 'result'}) do
    redis.call('PEXPIRE', key(id, part), ms(result_ms))
  end
  redis.call('ZADD', EXPIRY, ms(NOW + record_ms), state .. '/' .. job_type .. '/' .. id)
end

-- Ends one job: closes its steps, and gives each of its keys a time to live.
local function end_single(id, state, error)
  local caller = owner(id)
  for _, name in ipairs(redis.call('HKEYS', key(id, 'steps'))) do close_step(id, name) end
  redis.call('ZREM', DUE, step(id, 'deadline'))
  redis.call('HSET', key(id), 'finished_ms', ms(NOW))
  if error then redis.call('HSET', key(id), 'error', error) end
  set_state(id, state)
  event(id, 'end', {state = state})
  if redis.call('RPUSH', ENDED, id) > ENDED_KEPT then redis.call('LPOP', ENDED) end
  if caller.has_turns then redis.call('HDEL', caller.turns_key, id) end
  end_usage(id, caller.name)
  redis.call('UNLINK', key(id, 'evidence'), key(id, 'steps'))
  local job_type, wanted, processed, failed =
    unpack(redis.call('HMGET', key(id), 'type', 'result_ttl', 'processed', 'failed'))
  count(1, 'ended', job_type, state, string.match(error or '', '^([%l_]+): ') or '-')
  if (processed or '0') ~= '0' then count(processed, 'articles', 'analysed') end
  if (failed or '0') ~= '0' then count(failed, 'articles', 'failed') end
  local seconds = tonumber(wanted or RESULT_TTL)
  expire_job(id, state, job_type, seconds * 1000, math.max(JOB_TTL, seconds) * 1000)
end

-- The next dependents of an ended job, in the order of their submission. If there are more than may be
-- handled now, the reaper continues.
local function next_dependents(id)
  local dependents, count = key(id, 'dependents'), redis.call('SCARD', key(id, 'dependents'))
  if count == 0 then return {} end
  local taken
  if count <= slice_left then
    taken = redis.call('SMEMBERS', dependents)
    redis.call('UNLINK', dependents)
  else
    taken = slice_left > 0 and redis.call('SPOP', dependents, slice_left) or {}
    redis.call('ZADD', DUE, ms(NOW), step(id, 'dependents'))
  end
  slice_left = slice_left - #taken
  table.sort(taken)
  return taken
end

-- After SUCCESS the jobs that wait for this one may start; otherwise they end in FAILURE too, and so do
-- those that wait for them.
local function settle_dependents(id, state)
  local ended = {{id = id, state = state}}
  for _, job in ipairs(ended) do  -- the list grows during the loop
    for _, dependent in ipairs(next_dependents(job.id)) do
      if field(dependent, 'state') == 'WAITING' then
        if job.state ~= 'SUCCESS' then
          end_single(dependent, 'FAILURE',
            'dependency_failed: Job ' .. job.id .. ' ended in ' .. job.state .. '.')
          table.insert(ended, {id = dependent, state = 'FAILURE'})
        elseif redis.call('HINCRBY', key(dependent), 'waits_for', -1) == 0 then
          begin(dependent)
        end
      end
    end
  end
end

local function end_job(id, state, error)
  end_single(id, state, error)
  settle_dependents(id, state)
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
  local next_index, total, settled, cancelled =
    unpack(redis.call('HMGET', key(id), 'next', 'total', 'settled', 'cancelled'))
  if cancelled then return revoke_if_idle(id) end
  next_index, total = tonumber(next_index), tonumber(total)
  if tonumber(settled) == total then return queue_step(id, 'rank', attempt or 0, 0, true) end
  local first = next_index
  local open = redis.call('HLEN', key(id, 'steps'))
  while open < WINDOW and next_index < total do
    queue_step(id, 'analyse:' .. ms(next_index), 0, 0)
    next_index, open = next_index + 1, open + 1
  end
  if next_index > first then redis.call('HSET', key(id), 'next', ms(next_index)) end
end

local function count_settled(id, counter)
  redis.call('HINCRBY', key(id), counter, 1)
  redis.call('HINCRBY', key(id), 'settled', 1)
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
  count_settled(id, 'failed')
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
