-- Renews all leases of one worker, and tells it which it has lost.
-- args: 1 worker, 2 its description (JSON), then for each lease: job id, step, attempt
-- gives: for each lease 'held', 'lost' or 'cancelled'.
redis.call('ZADD', PREFIX .. 'workers', ms(NOW), arg(1))
redis.call('HSET', PREFIX .. 'workers:info', arg(1), arg(2))
local verdicts = {}
for n = 3, #ARGV - 8, 3 do
  local id, name = arg(n), arg(n + 1)
  if not held(id, name, arg(n + 2)) then
    table.insert(verdicts, 'lost')
  else
    redis.call('ZADD', DUE, ms(NOW + LEASE), step(id, name))
    table.insert(verdicts, field(id, 'cancelled') and 'cancelled' or 'held')
  end
end
return verdicts
