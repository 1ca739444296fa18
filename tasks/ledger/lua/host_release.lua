-- Gives up a slot of a host, or a place in its line.
-- args: 1 host, 2 ticket, 3 holder, 4 '1' if the host answered as it should
-- gives: 1.
local name = PREFIX .. 'host:' .. arg(1)
redis.call('ZREM', name .. ':slots', arg(2) .. '@' .. arg(3))
redis.call('ZREM', name .. ':line', arg(2))
if arg(4) == '1' then redis.call('HDEL', name, 'refusals') end
return 1
