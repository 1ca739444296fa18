-- Looks whether a job in the index of a state and type is there, in that state and of that type,
-- and takes it out if not.
-- args: 1 state, 2 type, 3 job id, 4 '1' to mend
-- gives: 1 if it does not belong there, else 0.
local id, index = arg(3), index_key(arg(1), arg(2))
if not redis.call('ZSCORE', index, id) then return 0 end  -- meanwhile
local state, job_type, version = unpack(redis.call('HMGET', key(id), 'state', 'type', 'v'))
if state and version ~= VERSION then return 0 end
if state == arg(1) and job_type == arg(2) then return 0 end
-- What has expired, the reaper takes out.
local expiry = arg(1) .. '/' .. arg(2) .. '/' .. id
if not state and redis.call('ZSCORE', EXPIRY, expiry) then return 0 end
if arg(4) == '1' then redis.call('ZREM', index, id) end
return 1
