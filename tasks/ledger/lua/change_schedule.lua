-- Changes a schedule and its next run, if both are still what the caller read.
-- args: 1 schedule id, 2 the schedule as it was read (JSON), 3 its next run as it was read,
--       4 the new schedule (JSON), 5 its new next run in ms
-- returns: 1, or 0 if the schedule was changed, advanced or removed in the meantime.
-- Invariant: schedules:due has exactly the schedules that exist.
local schedules, due = PREFIX .. 'schedules', PREFIX .. 'schedules:due'
if redis.call('HGET', schedules, arg(1)) ~= arg(2) then return 0 end
if redis.call('ZSCORE', due, arg(1)) ~= arg(3) then return 0 end
redis.call('HSET', schedules, arg(1), arg(4))
redis.call('ZADD', due, arg(5), arg(1))
return 1
