-- Moves a schedule on, if it still stands at this run.
-- args: 1 schedule id, 2 the run in ms, 3 the next run in ms,
--       4 the last run (JSON), or '' to keep the one before
-- gives: 1, or 0 if it was advanced or removed in the meantime.
-- Invariant: a run is due until its job is in the ledger, and never after.
local due = PREFIX .. 'schedules:due'
local run = redis.call('ZSCORE', due, arg(1))
if not run or tonumber(run) ~= tonumber(arg(2)) then return 0 end
redis.call('ZADD', due, arg(3), arg(1))
if arg(4) ~= '' then redis.call('HSET', PREFIX .. 'schedules:runs', arg(1), arg(4)) end
return 1
