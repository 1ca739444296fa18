-- Gives values, and notes that they were used.
-- args: 1 prefix of the cache's keys, 2 now in milliseconds or '', 3 milliseconds in which a use is
--       noted once, then names of entries
-- gives: for each name its value, or false.
-- Most calls write nothing: where every write goes to disk at once, a note costs a fsync. A note that
-- Redis has no memory for is let go.
local PREFIX, NOTED_ONCE_IN = ARGV[1], tonumber(ARGV[3])
local NOW = tonumber(ARGV[2])
if not NOW then
  local time = redis.call('TIME')
  NOW = time[1] * 1000 + math.floor(time[2] / 1000)
end

local USED = PREFIX .. 'used'
local values = {}
for n = 4, #ARGV do
  local value = redis.call('GET', PREFIX .. 'entry:' .. ARGV[n])
  local used = value and tonumber(redis.call('ZSCORE', USED, ARGV[n]) or nil)
  if used and NOW - used >= NOTED_ONCE_IN then
    redis.pcall('ZADD', USED, 'XX', string.format('%.0f', NOW), ARGV[n])
  end
  values[n - 3] = value
end
return values
