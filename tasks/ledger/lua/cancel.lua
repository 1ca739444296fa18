-- Cancels a job: what is queued is dropped, what runs is told to stop.
-- args: 1 job id
-- gives: 'cancelled', 'cancelling' while steps still run, 'finished' or 'unknown'.
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
