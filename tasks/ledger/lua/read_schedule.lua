-- One schedule with its runs.
-- args: 1 schedule id
-- returns: {schedule (JSON), next run in ms, last run (JSON) or ''}, or nil if it is unknown.
local id = arg(1)
local schedule = redis.call('HGET', PREFIX .. 'schedules', id)
if not schedule then return nil end
return {schedule, redis.call('ZSCORE', PREFIX .. 'schedules:due', id),
  redis.call('HGET', PREFIX .. 'schedules:runs', id) or ''}
