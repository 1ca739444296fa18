-- Reads entries, and records their use.
-- args: 1 prefix of the cache's keys, 2 now in milliseconds or '' for the clock of Redis,
--       3 milliseconds for which one record of an entry's use suffices, then names of entries
-- gives: for each name its value, or false.
-- Invariant: an entry in `used` was used at the recorded time, or up to the interval after it.
-- Most calls write nothing: with appendfsync always, each record costs an fsync. A record for which
-- Redis has no memory is dropped.
local PREFIX, TOUCH_INTERVAL = ARGV[1], tonumber(ARGV[3])
local NOW = tonumber(ARGV[2])
if not NOW then
  local time = redis.call('TIME')
  NOW = time[1] * 1000 + math.floor(time[2] / 1000)
end

local USED = PREFIX .. 'used'
local values = {}
for n = 4, #ARGV do
  local value = redis.call('GET', PREFIX .. 'entry:' .. ARGV[n])
  local last_use = value and tonumber(redis.call('ZSCORE', USED, ARGV[n]) or nil)
  if last_use and NOW - last_use >= TOUCH_INTERVAL then
    redis.pcall('ZADD', USED, 'XX', string.format('%.0f', NOW), ARGV[n])
  end
  values[n - 3] = value
end
return values
