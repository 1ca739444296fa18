-- Writes a schedule with its first run.
-- args: 1 schedule id, 2 schedule (JSON), 3 its next run in ms, 4 the maximum number of schedules,
--       5 the caller, 6 the maximum number of this caller
-- returns: 'added', or 'full' or 'caller_full' if there are that many schedules already.
-- Invariant: schedules:due has exactly the schedules that exist.
local schedules, callers = PREFIX .. 'schedules', PREFIX .. 'schedules:callers'
if redis.call('HEXISTS', schedules, arg(1)) == 1 then return 'added' end
if redis.call('HLEN', schedules) >= tonumber(arg(4)) then return 'full' end
if arg(5) ~= '' then
  local count = 0
  for _, caller in ipairs(redis.call('HVALS', callers)) do
    if caller == arg(5) then count = count + 1 end
  end
  if count >= tonumber(arg(6)) then return 'caller_full' end
  redis.call('HSET', callers, arg(1), arg(5))
end
redis.call('HSET', schedules, arg(1), arg(2))
redis.call('ZADD', PREFIX .. 'schedules:due', arg(3), arg(1))
return 'added'
