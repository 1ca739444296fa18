-- How much work there is that can run, and who runs it.
-- args: 1 ms from now within which a step counts as due, 2 the maximum number of jobs of each state and
--       type whose articles are looked at, 3 ms after which a worker is silent
-- returns: {due steps and running ones, articles that running jobs have not released yet, steps that run,
--          slots of all workers, the sum of their means of ms that a step takes, the number of workers that
--          know one, '1' if the queue is paused}.
-- Invariant: nothing is changed.
local unreleased = 0
for _, state in ipairs({'PENDING', 'PROGRESS'}) do
  for _, job_type in ipairs({'topic_curation', 'batch_analysis'}) do
    for _, id in ipairs(redis.call('ZREVRANGE', index_key(state, job_type), 0, arg(2) - 1)) do
      local total, next_index, caller = unpack(redis.call('HMGET', key(id), 'total', 'next', 'caller'))
      if total then
        unreleased = unreleased + tonumber(total) - tonumber(next_index or 0)
      else  -- its articles are not known yet
        local reserved = redis.call('HGET', caller_key(caller or '', 'jobs'), id) or '0'
        unreleased = unreleased + tonumber(string.match(reserved, '^%d+'))
      end
    end
  end
end
local running, slots, step_ms, knowing = 0, 0, 0, 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'workers', ms(NOW - arg(3)), '+inf')) do
  local info = cjson.decode(redis.call('HGET', PREFIX .. 'workers:info', worker) or '{}')
  running, slots = running + (info.running or 0), slots + (info.slots or 0)
  if (info.step_ms or 0) > 0 then step_ms, knowing = step_ms + info.step_ms, knowing + 1 end
end
return {
  redis.call('ZCOUNT', DUE, '-inf', ms(NOW + arg(1))), unreleased, running, slots, step_ms, knowing,
  tostring(redis.call('EXISTS', PAUSED))}
