-- The runs that are due, oldest first.
-- args: none
-- returns: {now in ms, then for each run its schedule's id and the run in ms}
local due = redis.call('ZRANGEBYSCORE', PREFIX .. 'schedules:due', '-inf', ms(NOW), 'WITHSCORES')
table.insert(due, 1, ms(NOW))
return due
