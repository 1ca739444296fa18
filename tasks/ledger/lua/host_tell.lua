-- Writes down what a host wants of all who ask it.
-- args: 1 host, 2 the least gap in ms, 3 ms in which nobody is to ask
-- gives: 1.
local host = open_host(arg(1))
widen(host, tonumber(arg(2)))
local hold = tonumber(arg(3))
if hold > 0 then
  if host.held <= NOW then host.refusals = host.refusals + 1 end
  host.held = math.max(host.held, NOW + hold)
  respace(host, host.held)
end
close_host(host)
return 1
