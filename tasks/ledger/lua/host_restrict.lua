-- Records what a host demands of all its clients: a longer interval, or no requests for a while.
-- args: 1 host, 2 the minimum interval in ms, 3 ms for which no request may be sent
-- returns: 1.
-- Invariant: neither demand shortens an earlier one, and the order of the queue stays.
local host = open_host(arg(1))
require_interval(host, tonumber(arg(2)))
local wait = tonumber(arg(3))
if wait > 0 then
  if host.blocked_until <= NOW then host.refusals = host.refusals + 1 end
  host.blocked_until = math.max(host.blocked_until, NOW + wait)
  space_out(host, host.blocked_until)
end
close_host(host)
return 1
