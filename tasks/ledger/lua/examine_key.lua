-- Checks whether a key of a job has no time to live although the job is not active, and gives it that
-- of an ended job, or as long as the job's result is kept.
-- args: 1 job id, 2 part or '', 3 '1' to fix
-- returns: 1 if the key has no time to live, else 0.
-- Invariant: keys of active jobs and of a newer release stay as they are.
local id = arg(1)
local name = key(id, arg(2) ~= '' and arg(2) or nil)
if redis.call('TTL', name) ~= -1 then return 0 end
local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
if state and (version ~= VERSION or not final(state)) then return 0 end
if arg(3) == '1' then
  local expires = tonumber(field(id, 'expires_ms') or NOW)
  redis.call('PEXPIRE', name, ms(math.max(JOB_TTL * 1000, expires - NOW)))
end
return 1
