-- Cancels a job: drops its queued and delayed steps. Workers learn of it when they renew the leases of
-- its running steps.
-- args: 1 job id
-- returns: 'cancelled', 'cancelling' while steps still run, 'finished' or 'unknown'.
-- Invariant: no step of a cancelled job is queued or delayed, and none is claimed.
local id = arg(1)
local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
if not state or version ~= VERSION then return 'unknown' end
if final(state) then return 'finished' end
redis.call('HSET', key(id), 'cancelled', 1)
for _, name in ipairs(redis.call('HKEYS', key(id, 'steps'))) do
  if read_step(id, name).state ~= 'L' then close_step(id, name) end
end
revoke_if_idle(id)
return final(field(id, 'state')) and 'cancelled' or 'cancelling'
