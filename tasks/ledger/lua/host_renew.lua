-- Extends a slot whose request still runs.
-- args: 1 host, 2 ticket id, 3 holder, 4 ms after which the slot expires
-- returns: 1, or 0 if it has expired.
-- Invariant: a slot that has expired is not revived; another request may have taken its place.
local slots, slot = PREFIX .. 'host:' .. arg(1) .. ':slots', arg(2) .. '@' .. arg(3)
local expiry = redis.call('ZSCORE', slots, slot)
if not expiry or tonumber(expiry) <= NOW then return 0 end
redis.call('ZADD', slots, ms(NOW + tonumber(arg(4))), slot)
redis.call('PEXPIRE', slots, arg(4))
return 1
