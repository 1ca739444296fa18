-- Asks for permission to send one request to a host.
-- args: 1 host, 2 ticket id, 3 holder, 4 minimum interval in ms, 5 '1' to go before all others,
--       6 requests to the host at once, 7 ms after which a slot expires
-- returns: {0 to go now or ms after which to ask again, 1 if the host refuses again and again}.
-- Invariant: never more slots than allowed, and never less than the interval between two starts.
-- A holder that repeats a granted ticket is granted again: the first answer may have been lost.
local STAGGER, POLL, MAX_FREE_REFUSALS = 5, 50, 3
local host = open_host(arg(1))
local ticket, slot = arg(2), arg(2) .. '@' .. arg(3)
require_interval(host, tonumber(arg(4)))

local function wait()
  local start = next_start(host)
  local turn = tonumber(redis.call('ZSCORE', host.queue, ticket))
  if not turn then
    turn = start
    local last = redis.call('ZRANGE', host.queue, -1, -1, 'WITHSCORES')[2]
    if last and arg(5) ~= '1' then turn = math.max(start, tonumber(last) + host.interval) end
    redis.call('ZADD', host.queue, ms(turn), ticket)
  end
  local ahead = redis.call('ZCOUNT', host.queue, '-inf', '(' .. ms(turn))
  if turn > NOW and ahead > 0 then return math.max(turn, start) - NOW end
  if start > NOW then return start - NOW + ahead * STAGGER end
  if redis.call('ZCARD', host.slots) >= tonumber(arg(6)) then return POLL * (1 + ahead) end
  return 0
end

local wait_ms = redis.call('ZSCORE', host.slots, slot) and 0 or wait()
if wait_ms == 0 then
  redis.call('ZREM', host.queue, ticket)
  redis.call('ZADD', host.slots, ms(NOW + tonumber(arg(7))), slot)
  redis.call('PEXPIRE', host.slots, arg(7))
  host.last_start = NOW
end
close_host(host)
local refused = wait_ms > 0 and host.refusals > MAX_FREE_REFUSALS and host.blocked_until > NOW
return {wait_ms, refused and 1 or 0}
