-- Loaded between the prelude and the scripts of the host rate limiter, host_*.lua. The counterpart
-- of tasks/fetch/local_rate_limiter.py; tasks/fetch/rate_limiter.py explains the constants.
--
--   host:NAME        hash: started, gap, gap_until, held, refusals, seen (the time of the last change)
--   host:NAME:line   sorted set, the queue: ticket ids by the time of their turn, in ms
--   host:NAME:slots  sorted set: TICKET@HOLDER by the time at which the slot expires, in ms
local ABANDONED_AFTER, INTERVAL_TTL = 60000, 300000

-- If the clock was set back by more than a minute, all times of the host move back by as much.
local function follow_clock(host, seen)
  if not seen or NOW >= seen - 60000 then return end
  local set_back = seen - NOW
  for _, set in ipairs({host.slots, host.queue}) do
    local times = redis.call('ZRANGE', set, 0, -1, 'WITHSCORES')
    for n = 1, #times, 2 do redis.call('ZADD', set, ms(times[n + 1] - set_back), times[n]) end
  end
  host.last_start = host.last_start and host.last_start - set_back
  host.interval_until = host.interval_until - set_back
  host.blocked_until = host.blocked_until - set_back
end

-- The host's state, without what has expired.
local function open_host(name)
  local hash = PREFIX .. 'host:' .. name
  local fields = redis.call('HMGET', hash, 'started', 'gap', 'gap_until', 'held', 'refusals', 'seen')
  local host = {hash = hash, queue = hash .. ':line', slots = hash .. ':slots',
    last_start = tonumber(fields[1]), interval = tonumber(fields[2] or 0),
    interval_until = tonumber(fields[3] or 0), blocked_until = tonumber(fields[4] or 0),
    refusals = tonumber(fields[5] or 0)}
  follow_clock(host, tonumber(fields[6]))
  redis.call('ZREMRANGEBYSCORE', host.slots, '-inf', ms(NOW))
  redis.call('ZREMRANGEBYSCORE', host.queue, '-inf', ms(NOW - ABANDONED_AFTER))
  if host.interval_until <= NOW then host.interval = 0 end
  return host
end

-- The earliest time at which a request may start, slots aside.
local function next_start(host)
  local after_last = host.last_start and math.min(host.last_start, NOW) + host.interval or NOW
  return math.max(NOW, after_last, host.blocked_until)
end

-- Postpones turns that are too early or too close together; their order stays.
local function space_out(host, from)
  local queue = redis.call('ZRANGE', host.queue, 0, -1, 'WITHSCORES')
  for n = 1, #queue, 2 do
    local turn = math.max(tonumber(queue[n + 1]), from + (n - 1) / 2 * host.interval)
    redis.call('ZADD', host.queue, ms(turn), queue[n])
  end
end

local function require_interval(host, interval)
  if interval < host.interval then return end
  local raised = interval > host.interval
  host.interval, host.interval_until = interval, NOW + INTERVAL_TTL
  if raised then space_out(host, next_start(host)) end
end

-- Stores the host's state. Each key expires when its content has no more effect.
local function close_host(host)
  redis.call('HSET', host.hash, 'gap', ms(host.interval), 'gap_until', ms(host.interval_until),
    'held', ms(host.blocked_until), 'refusals', ms(host.refusals), 'seen', ms(NOW))
  if host.last_start then redis.call('HSET', host.hash, 'started', ms(host.last_start)) end
  redis.call('PEXPIRE', host.hash, ms(math.max(host.blocked_until - NOW, 0) + INTERVAL_TTL))
  local last = redis.call('ZRANGE', host.queue, -1, -1, 'WITHSCORES')[2]
  if last then
    local ttl = math.max(tonumber(last) - NOW, 0) + 2 * ABANDONED_AFTER
    redis.call('PEXPIRE', host.queue, ms(ttl))
  end
end
