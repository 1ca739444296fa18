-- Keeps the result of an ended job for longer, and with it the job's record.
-- args: 1 job id, 2 seconds from now, at least; a result that is kept for longer anyway stays so
-- returns: the time in ms at which the result expires, as text; or 'unknown', 'active', or 'expired' if
--          the result is gone.
-- Invariant: no time to live gets shorter.
local id = arg(1)
local state, job_type, version, expires, finished =
  unpack(redis.call('HMGET', key(id), 'state', 'type', 'v', 'expires_ms', 'finished_ms'))
if not state or version ~= VERSION then return 'unknown' end
if not final(state) then return 'active' end
expires = tonumber(expires or finished + RESULT_TTL * 1000)  -- of an older release's job
local gone = state == 'SUCCESS' and redis.call('EXISTS', key(id, 'result')) == 0
if gone or expires <= NOW then return 'expired' end
local result_ms = math.max(tonumber(arg(2)) * 1000, expires - NOW)
local forgotten = redis.call('ZSCORE', EXPIRY, state .. '/' .. job_type .. '/' .. id) or NOW
expire_job(id, state, job_type, result_ms, math.max(result_ms, forgotten - NOW))
return ms(NOW + result_ms)
