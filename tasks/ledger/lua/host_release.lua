-- Frees a slot of a host, or a place in its queue.
-- args: 1 host, 2 ticket id, 3 holder, 4 '1' if the host gave a proper answer
-- returns: 1.
-- Invariant: only this holder's slot is freed; a proper answer ends the series of refusals.
local name = PREFIX .. 'host:' .. arg(1)
redis.call('ZREM', name .. ':slots', arg(2) .. '@' .. arg(3))
redis.call('ZREM', name .. ':line', arg(2))
if arg(4) == '1' then redis.call('HDEL', name, 'refusals') end
return 1
