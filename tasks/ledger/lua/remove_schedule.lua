-- Removes a schedule. Its jobs stay.
-- args: 1 schedule id
-- returns: 1, or 0 if it is unknown.
redis.call('ZREM', PREFIX .. 'schedules:due', arg(1))
redis.call('HDEL', PREFIX .. 'schedules:runs', arg(1))
redis.call('HDEL', PREFIX .. 'schedules:callers', arg(1))
return redis.call('HDEL', PREFIX .. 'schedules', arg(1))
