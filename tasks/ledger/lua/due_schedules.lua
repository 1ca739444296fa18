-- The runs whose moment has come, the oldest first.
-- gives: {now in ms, then for each the schedule's id and its run in ms}
local due = redis.call('ZRANGEBYSCORE', PREFIX .. 'schedules:due', '-inf', ms(NOW), 'WITHSCORES')
table.insert(due, 1, ms(NOW))
return due
