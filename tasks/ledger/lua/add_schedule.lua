-- Writes a schedule with its first run.
-- args: 1 schedule id, 2 schedule (JSON), 3 its next run in ms, 4 the maximum number of schedules
-- returns: 1, or 0 if there are that many schedules already.
-- Invariant: schedules:due has exactly the schedules that exist.
local schedules = PREFIX .. 'schedules'
if redis.call('HEXISTS', schedules, arg(1)) == 1 then return 1 end
if redis.call('HLEN', schedules) >= tonumber(arg(4)) then return 0 end
redis.call('HSET', schedules, arg(1), arg(2))
redis.call('ZADD', PREFIX .. 'schedules:due', arg(3), arg(1))
return 1
