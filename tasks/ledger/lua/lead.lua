-- Makes one process the leader of something that one is to do, until it has not asked for some time.
-- args: 1 what is led, 2 the process, 3 ms
-- returns: 1 if it leads, else 0.
local name = PREFIX .. 'lead:' .. arg(1)
local leader = redis.call('GET', name)
if leader and leader ~= arg(2) then return 0 end
redis.call('SET', name, arg(2), 'PX', arg(3))
return 1
