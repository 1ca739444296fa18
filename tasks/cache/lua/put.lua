-- Stores an entry, and drops expired entries and the least recently used ones until it fits.
-- args: 1 prefix of the cache's keys, 2 now in milliseconds or '' for the clock of Redis, 3 name of
--       the entry, 4 value, 5 its time to live in milliseconds, 6 its counted size in bytes,
--       7 maximum of all counted sizes, 8 share of Redis's maxmemory above which the cache is emptied,
--       9 share of it that the cache may take
-- gives: the sum of all counted sizes.
-- Invariant: `sizes` holds the counted size of each entry, and under '' their sum; `used` and `ends`
-- hold the same entries. The three outlive every entry.
local PREFIX, NAME = ARGV[1], ARGV[3]
local TTL, BYTES, MAX_BYTES = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local EMPTIED_ABOVE, OWN_SHARE = tonumber(ARGV[8]), tonumber(ARGV[9])
local MAX_EXPIRED, MAX_EVICTED, SLACK_MS = 20, 200, 60000
local USED, ENDS, SIZES = PREFIX .. 'used', PREFIX .. 'ends', PREFIX .. 'sizes'

local NOW = tonumber(ARGV[2])
if not NOW then
  local time = redis.call('TIME')
  NOW = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function ms(number) return string.format('%.0f', number) end

local function drop(name)
  local bytes = redis.call('HGET', SIZES, name)
  if not bytes then return end
  redis.call('UNLINK', PREFIX .. 'entry:' .. name)
  redis.call('ZREM', USED, name)
  redis.call('ZREM', ENDS, name)
  redis.call('HDEL', SIZES, name)
  redis.call('HINCRBY', SIZES, '', -bytes)
end

local function total() return tonumber(redis.call('HGET', SIZES, '') or 0) end

-- The number is limited: after the maximum was lowered, or while Redis is short of memory, each put
-- drops more than it adds, and none delays the ledger.
local function evict_above(bytes)
  for _ = 1, MAX_EVICTED do
    if total() <= bytes then return end
    local oldest = redis.call('ZRANGE', USED, 0, 0)[1]
    if not oldest then return end
    drop(oldest)
  end
end

local memory = redis.call('INFO', 'memory')
local used = tonumber(string.match(memory, '\nused_memory:(%d+)') or 0)
local maxmemory = tonumber(string.match(memory, '\nmaxmemory:(%d+)') or 0)
if maxmemory > 0 then MAX_BYTES = math.min(MAX_BYTES, math.floor(maxmemory * OWN_SHARE)) end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', ms(NOW), 'LIMIT', 0, MAX_EXPIRED)) do
  drop(name)
end
drop(NAME)
if maxmemory > 0 and used > maxmemory * EMPTIED_ABOVE then
  evict_above(0)
  return total()
end
evict_above(MAX_BYTES - BYTES)
if total() + BYTES > MAX_BYTES then return total() end

redis.call('SET', PREFIX .. 'entry:' .. NAME, ARGV[4], 'PX', ms(TTL))
redis.call('ZADD', USED, ms(NOW), NAME)
redis.call('ZADD', ENDS, ms(NOW + TTL), NAME)
redis.call('HSET', SIZES, NAME, ms(BYTES))
redis.call('HINCRBY', SIZES, '', ms(BYTES))
for _, key in ipairs({USED, ENDS, SIZES}) do
  if redis.call('PTTL', key) < TTL + SLACK_MS then redis.call('PEXPIRE', key, ms(TTL + SLACK_MS)) end
end
return total()
