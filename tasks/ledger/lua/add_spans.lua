-- Adds packs of finished spans to the traces of their jobs, while these have room.
-- args: 1 the most bytes for one job, then for each pack: job id, '1' if it is important, the pack
-- returns: the number of packs that were added.
-- Invariant: the key lives as long as the job's record. A quarter of the room is for important packs.
local most, added = tonumber(arg(1)), 0
for n = 2, #ARGV - 9, 3 do
  local id, pack = arg(n), arg(n + 2)
  local state, version, used = unpack(redis.call('HMGET', key(id), 'state', 'v', 'span_bytes'))
  if state and version == VERSION then
    local room = (arg(n + 1) == '1' and most or most * 0.75) - tonumber(used or 0)
    if #pack <= room then
      redis.call('RPUSH', key(id, 'spans'), pack)
      redis.call('HINCRBY', key(id), 'span_bytes', #pack)
      local ttl = redis.call('PTTL', key(id))
      if ttl >= 0 then redis.call('PEXPIRE', key(id, 'spans'), ms(ttl)) end
      added = added + 1
    else
      redis.call('HINCRBY', key(id), 'spans_dropped', 1)
    end
  end
end
return added
