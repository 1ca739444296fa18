-- Looks whether what stands in steps:due or steps:queued is a step that there is, and takes out
-- what is none.
-- args: 1 'due' or 'queued', 2 what stands there, 3 '1' to mend
-- gives: 1 if it is none, else 0.
local set = arg(1) == 'due' and DUE or QUEUED
if not redis.call('ZSCORE', set, arg(2)) then return 0 end  -- meanwhile
local id, name = string.match(arg(2), '^([^/]+)/(.+)$')
id, name = id or '', name or ''
local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
if state and version ~= VERSION then return 0 end
local known
if name == 'deadline' then
  known = arg(1) == 'due' and state and not final(state)
else
  local record = state and read_step(id, name)
  known = record and (arg(1) == 'due' or record.state == 'Q')
end
if known then return 0 end
if arg(3) == '1' then redis.call('ZREM', set, arg(2)) end
return 1
