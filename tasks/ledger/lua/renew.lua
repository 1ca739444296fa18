-- Renews all leases of one worker, and returns what the worker has to know.
-- args: 1 worker, 2 its description (JSON), then for each lease: job id, step, attempt
-- returns: {'1' if the queue is paused, '1' if the worker must drain, the slots of all workers, the number
--          of callers that had work lately, then for each lease 'held', 'lost' or 'cancelled'}.
-- Invariant: a lost lease is never renewed.
redis.call('ZADD', PREFIX .. 'workers', ms(NOW), arg(1))
redis.call('HSET', PREFIX .. 'workers:info', arg(1), arg(2))
local slots = 0
for _, info in ipairs(redis.call('HVALS', PREFIX .. 'workers:info')) do
  slots = slots + (cjson.decode(info).slots or 0)
end
local verdicts, active = {}, {}
for n = 3, #ARGV - 9, 3 do
  local id, name = arg(n), arg(n + 1)
  if not held(id, name, arg(n + 2)) then
    table.insert(verdicts, 'lost')
  else
    redis.call('ZADD', DUE, ms(NOW + LEASE), step(id, name))
    local cancelled, caller = unpack(redis.call('HMGET', key(id), 'cancelled', 'caller'))
    active[caller or ''] = true
    table.insert(verdicts, cancelled and 'cancelled' or 'held')
  end
end
for caller in pairs(active) do redis.call('ZADD', CALLERS, ms(NOW), caller) end
if CALLER_WINDOW > 0 then redis.call('SET', CALLERS .. ':window', CALLER_WINDOW) end
return {
  tostring(redis.call('EXISTS', PAUSED)),
  tostring(redis.call('SISMEMBER', PREFIX .. 'workers:draining', arg(1))),
  ms(slots),
  ms(redis.call('ZCOUNT', CALLERS, ms(NOW - ACTIVE_MS + 1), '+inf')),
  unpack(verdicts)}
