-- Asks for the right to send one request to a host.
-- args: 1 host, 2 ticket, 3 holder, 4 least gap in ms, 5 '1' to go before all others,
--       6 requests to the host at once, 7 ms after which a slot ends by itself
-- gives: {0 to go now or ms after which to ask again, 1 if the host refuses again and again}.
-- Invariant: no more slots than allowed, and a start never less than the gap after the one before.
-- The same holder who asks again goes again: the first answer may have been lost.
local STAGGER, POLL, PATIENT_REFUSALS = 5, 50, 3
local host = open_host(arg(1))
local ticket, slot = arg(2), arg(2) .. '@' .. arg(3)
widen(host, tonumber(arg(4)))

local function wait()
  local opens = host_opens(host)
  local turn = tonumber(redis.call('ZSCORE', host.line, ticket))
  if not turn then
    turn = opens
    local last = redis.call('ZRANGE', host.line, -1, -1, 'WITHSCORES')[2]
    if last and arg(5) ~= '1' then turn = math.max(opens, tonumber(last) + host.gap) end
    redis.call('ZADD', host.line, ms(turn), ticket)
  end
  local ahead = redis.call('ZCOUNT', host.line, '-inf', '(' .. ms(turn))
  if turn > NOW and ahead > 0 then return math.max(turn, opens) - NOW end
  if opens > NOW then return opens - NOW + ahead * STAGGER end
  if redis.call('ZCARD', host.slots) >= tonumber(arg(6)) then return POLL * (1 + ahead) end
  return 0
end

local wait_ms = redis.call('ZSCORE', host.slots, slot) and 0 or wait()
if wait_ms == 0 then
  redis.call('ZREM', host.line, ticket)
  redis.call('ZADD', host.slots, ms(NOW + tonumber(arg(7))), slot)
  redis.call('PEXPIRE', host.slots, arg(7))
  host.started = NOW
end
close_host(host)
local refused = wait_ms > 0 and host.refusals > PATIENT_REFUSALS and host.held > NOW
return {wait_ms, refused and 1 or 0}
