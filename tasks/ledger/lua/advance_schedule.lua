-- Moves a schedule on to its next run, if its current run is still this one.
-- args: 1 schedule id, 2 the current run in ms, 3 the next run in ms,
--       4 the last run (JSON), or '' to keep the stored one
-- returns: 1, or 0 if the schedule was advanced or removed in the meantime.
-- Invariant: a run stays due until its job is in the ledger, and is never due after that.
local due = PREFIX .. 'schedules:due'
local run = redis.call('ZSCORE', due, arg(1))
if not run or tonumber(run) ~= tonumber(arg(2)) then return 0 end
redis.call('ZADD', due, arg(3), arg(1))
if arg(4) ~= '' then redis.call('HSET', PREFIX .. 'schedules:runs', arg(1), arg(4)) end
return 1
