-- Stands between the prelude and the scripts of the hosts' budget, host_*.lua. The counterpart of
-- tasks/fetch/local_rate_limiter.py, which says what the numbers mean.
--
--   host:NAME        hash: started, gap, gap_until, held, refusals
--   host:NAME:line   sorted set: tickets by their turn, in ms
--   host:NAME:slots  sorted set: TICKET@HOLDER by the moment at which the slot ends by itself
local FORGOTTEN, GAP_KEPT = 60000, 300000

-- What is known of a host, without what time has ended.
local function open_host(name)
  local hash = PREFIX .. 'host:' .. name
  local known = redis.call('HMGET', hash, 'started', 'gap', 'gap_until', 'held', 'refusals')
  local host = {hash = hash, line = hash .. ':line', slots = hash .. ':slots',
    started = tonumber(known[1]), gap = tonumber(known[2] or 0),
    gap_until = tonumber(known[3] or 0), held = tonumber(known[4] or 0),
    refusals = tonumber(known[5] or 0)}
  redis.call('ZREMRANGEBYSCORE', host.slots, '-inf', ms(NOW))
  redis.call('ZREMRANGEBYSCORE', host.line, '-inf', ms(NOW - FORGOTTEN))
  if host.gap_until <= NOW then host.gap = 0 end
  return host
end

-- The first moment at which a request may start, as far as slots allow.
local function host_opens(host)
  local after_last = host.started and math.min(host.started, NOW) + host.gap or NOW
  return math.max(NOW, after_last, host.held)
end

-- Puts off turns that came too early or too close together; their order stays.
local function respace(host, from)
  local line = redis.call('ZRANGE', host.line, 0, -1, 'WITHSCORES')
  for n = 1, #line, 2 do
    local turn = math.max(tonumber(line[n + 1]), from + (n - 1) / 2 * host.gap)
    redis.call('ZADD', host.line, ms(turn), line[n])
  end
end

local function widen(host, gap)
  if gap < host.gap then return end
  local wider = gap > host.gap
  host.gap, host.gap_until = gap, NOW + GAP_KEPT
  if wider then respace(host, host_opens(host)) end
end

-- Every key lives as long as it means something.
local function close_host(host)
  redis.call('HSET', host.hash, 'gap', ms(host.gap), 'gap_until', ms(host.gap_until),
    'held', ms(host.held), 'refusals', ms(host.refusals))
  if host.started then redis.call('HSET', host.hash, 'started', ms(host.started)) end
  redis.call('PEXPIRE', host.hash, ms(math.max(host.held - NOW, 0) + GAP_KEPT))
  local last = redis.call('ZRANGE', host.line, -1, -1, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIRE', host.line, ms(math.max(tonumber(last) - NOW, 0) + 2 * FORGOTTEN))
  end
end
