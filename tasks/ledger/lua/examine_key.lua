-- Looks whether a key of a job lives for ever without a job that is active, and gives it the time
-- to live of an ended job.
-- args: 1 job id, 2 part or '', 3 '1' to mend
-- gives: 1 if it does, else 0.
local id = arg(1)
local name = key(id, arg(2) ~= '' and arg(2) or nil)
if redis.call('TTL', name) ~= -1 then return 0 end
local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
if state and (version ~= VERSION or not final(state)) then return 0 end
if arg(3) == '1' then redis.call('EXPIRE', name, JOB_TTL) end
return 1
