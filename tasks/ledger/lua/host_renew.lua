-- Lets a slot last longer whose request still runs.
-- args: 1 host, 2 ticket, 3 holder, 4 ms after which the slot ends by itself
-- gives: 1, or 0 if it has ended.
local slots, slot = PREFIX .. 'host:' .. arg(1) .. ':slots', arg(2) .. '@' .. arg(3)
local ends = redis.call('ZSCORE', slots, slot)
if not ends or tonumber(ends) <= NOW then return 0 end
redis.call('ZADD', slots, ms(NOW + tonumber(arg(4))), slot)
redis.call('PEXPIRE', slots, arg(4))
return 1
