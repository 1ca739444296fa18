-- What the metrics show of the ledger.
-- args: 1 the most callers, and 2 the most wake-ups, that are looked at, 3 ms after which a worker is silent,
--       4 the states and 5 the types of jobs, each separated by spaces
-- returns: JSON; see `tasks.ledger.metrics.LedgerSnapshot`.
-- Invariant: nothing is changed, and the cost is bounded, whatever the queue holds. A caller or wake-up beyond
-- the bounds counts for normal priority; the step that has waited longest of all is always looked at.
local depth, oldest = {high = 0, normal = 0, low = 0}, {high = 0, normal = 0, low = 0}
local queued, counted = redis.call('ZCARD', QUEUED), 0
local priorities, seen = {}, {}

local function priority_of(member)
  local id = string.match(member, '^([^/]+)/')
  local priority = priorities[id] or field(id, 'priority')
  if not depth[priority] then priority = 'normal' end
  priorities[id] = priority
  return priority
end

local function has_waited(priority, since)
  oldest[priority] = math.max(oldest[priority], NOW - tonumber(since))
end

local function look_at_backlog(name)
  local backlog = caller_key(name, 'backlog')
  if redis.call('ZCARD', backlog) == 0 then return end
  for priority, class in pairs(CLASSES) do
    local least, most = ms(class * CLASS_SIZE), '(' .. ms((class + 1) * CLASS_SIZE)
    local waiting = redis.call('ZCOUNT', backlog, least, most)
    if waiting > 0 then
      depth[priority], counted = depth[priority] + waiting, counted + waiting
      local first = redis.call('ZRANGEBYSCORE', backlog, least, most, 'LIMIT', 0, 1)[1]
      local since = redis.call('ZSCORE', QUEUED, first)
      if since then has_waited(priority, since) end
    end
  end
end

local function look_at_wakeup(member)
  local since = not seen[member] and redis.call('ZSCORE', QUEUED, member)
  if not since then return end
  seen[member] = true
  local priority = priority_of(member)
  depth[priority], counted = depth[priority] + 1, counted + 1
  has_waited(priority, since)
end

if queued > 0 then
  for _, name in ipairs(redis.call('ZRANGE', CALLERS, 0, arg(1) - 1)) do look_at_backlog(name) end
  for _, member in ipairs(redis.call('LRANGE', READY, 0, arg(2) - 1)) do look_at_wakeup(member) end
  local first = redis.call('ZRANGE', QUEUED, 0, 0, 'WITHSCORES')
  has_waited(priority_of(first[1]), first[2])
  depth.normal = depth.normal + math.max(0, queued - counted)
end

local jobs = {}
for state in string.gmatch(arg(4), '%S+') do
  for job_type in string.gmatch(arg(5), '%S+') do
    jobs[job_type .. ' ' .. state] = redis.call('ZCARD', index_key(state, job_type))
  end
end

local counters, flat = {}, redis.call('HGETALL', COUNTERS)
for n = 1, #flat, 2 do counters[flat[n]] = tonumber(flat[n + 1]) end

local workers, slots, running, metered = 0, 0, 0, 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'workers', ms(NOW - arg(3)), '+inf')) do
  local info = cjson.decode(redis.call('HGET', PREFIX .. 'workers:info', worker) or '{}')
  workers, slots, running = workers + 1, slots + (info.slots or 0), running + (info.running or 0)
  if info.metrics_port then metered = metered + 1 end
end

local cache_bytes, cache_entries = {}, {}
for _, name in ipairs({'analyses', 'http'}) do
  local base = PREFIX .. 'cache:' .. name
  cache_bytes[name] = tonumber(redis.call('HGET', base .. ':sizes', '') or 0)
  cache_entries[name] = redis.call('ZCARD', base .. ':used')
end

return cjson.encode({
  jobs = jobs, counters = counters, depth = depth, oldest_ms = oldest, due = redis.call('ZCARD', DUE),
  paused = redis.call('EXISTS', PAUSED), workers = workers, slots = slots, running = running,
  metered = metered, cache_bytes = cache_bytes, cache_entries = cache_entries,
  kept_bytes = tonumber(redis.call('HGET', PREFIX .. 'usage', 'bytes') or 0)})
