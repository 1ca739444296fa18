-- Deletes a job that has ended, before its time to live is over.
-- args: 1 job id
-- returns: 1, or 0 if the job is unknown, active or of a newer release.
-- Invariant: an active job is never deleted.
local id = arg(1)
local state, job_type, version = unpack(redis.call('HMGET', key(id), 'state', 'type', 'v'))
if not state or version ~= VERSION or not final(state) then return 0 end
redis.call('ZREM', index_key(state, job_type), id)
redis.call('ZREM', EXPIRY, state .. '/' .. job_type .. '/' .. id)
redis.call('UNLINK', key(id))
forget_usage(id)
for _, part in ipairs({'articles', 'failures', 'attempts', 'events', 'spans', 'outcomes', 'result', 'dependents'}) do
  redis.call('UNLINK', key(id, part))
end
return 1
