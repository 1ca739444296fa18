-- Checks whether a job in the index of a state and type exists, in that state and of that type, and
-- removes it from the index if not.
-- args: 1 state, 2 type, 3 job id, 4 '1' to fix
-- returns: 1 if the job does not belong there, else 0.
-- Invariant: entries of expired jobs are left to the reaper, and those of a newer release are kept.
local id, index = arg(3), index_key(arg(1), arg(2))
if not redis.call('ZSCORE', index, id) then return 0 end  -- it was removed in the meantime
local state, job_type, version = unpack(redis.call('HMGET', key(id), 'state', 'type', 'v'))
if state and version ~= VERSION then return 0 end
if state == arg(1) and job_type == arg(2) then return 0 end
-- The reaper removes the entries of expired jobs.
local expiry = arg(1) .. '/' .. arg(2) .. '/' .. id
if not state and redis.call('ZSCORE', EXPIRY, expiry) then return 0 end
if arg(4) == '1' then redis.call('ZREM', index, id) end
return 1
