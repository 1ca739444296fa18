-- Checks whether a member of steps:due or steps:queued is an existing step, and removes it if not.
-- args: 1 'due' or 'queued', 2 the member, 3 '1' to fix
-- returns: 1 if there is no such step, else 0.
-- Invariant: members of a newer release are kept.
local set = arg(1) == 'due' and DUE or QUEUED
if not redis.call('ZSCORE', set, arg(2)) then return 0 end  -- it was removed in the meantime
local id, name = string.match(arg(2), '^([^/]+)/(.+)$')
id, name = id or '', name or ''
local state, version = unpack(redis.call('HMGET', key(id), 'state', 'v'))
if state and version ~= VERSION then return 0 end
local known
if name == 'deadline' then
  known = arg(1) == 'due' and state and not final(state)
elseif name == 'dependents' then
  known = arg(1) == 'due' and redis.call('EXISTS', key(id, 'dependents')) == 1
else
  local record = state and read_step(id, name)
  known = record and (arg(1) == 'due' or record.state == 'Q')
end
if known then return 0 end
if arg(3) == '1' then redis.call('ZREM', set, arg(2)) end
return 1
