-- Writes a job with its first step, and wakes a worker.
-- args: 1 id, 2 job (msgpack), 3 type, 4 priority, 5 submission time in ms, 6 traceparent or '',
--       7 start time in ms or '', 8 deadline in ms or '', 9 id of the job that it retries or '',
--       10 name of the idempotency key or '', 11 digest of the submission,
--       12 seconds for which the key is kept, 13 a short description for readers or '', 14 the caller,
--       15 the number of articles that it may have, 16 to 18 the maximum numbers of jobs, articles and
--       bytes of this caller, 19 to 21 those of all callers,
--       22 seconds for which its result is kept or '', then the ids of the jobs that it depends on
-- returns: {'submitted', id}; {'known', id} if the same submission has made the job with that id;
--          {'conflict', id} if the key was used for another submission, which made that job;
--          {'unknown_dependency', id} if a job that it depends on is unknown;
--          {'caller_full', bound} or {'ledger_full', bound} if it would go beyond that bound.
-- Invariant: an active job has a step that is due, or waits for an active job. A key whose job is
-- unknown, because it was purged or has expired, is free again.
local id = arg(1)
if redis.call('EXISTS', key(id)) == 1 then return {'known', id} end

local idempotency = arg(10) ~= '' and PREFIX .. 'idempotency:' .. arg(10)
if idempotency then
  local earlier, digest = unpack(redis.call('HMGET', idempotency, 'job', 'digest'))
  if earlier and redis.call('EXISTS', key(earlier)) == 1 then
    return {digest == arg(11) and 'known' or 'conflict', earlier}
  end
end

-- A caller without a name is a process of ours, which only the bounds of all callers bind.
local articles = tonumber(arg(15))
local bytes = reserved_bytes(#arg(2), articles)
local function full(usage, first)
  local jobs, its_articles, its_bytes = unpack(redis.call('HMGET', usage, 'jobs', 'articles', 'bytes'))
  if tonumber(jobs or 0) + 1 > tonumber(arg(first)) then return 'jobs' end
  if tonumber(its_articles or 0) + articles > tonumber(arg(first + 1)) then return 'articles' end
  if tonumber(its_bytes or 0) + bytes > tonumber(arg(first + 2)) then return 'bytes' end
end
local bound = arg(14) ~= '' and full(caller_key(arg(14)), 16)
if bound then return {'caller_full', bound} end
bound = full(PREFIX .. 'usage', 19)
if bound then return {'ledger_full', bound} end

local waits_for, failed = {}, nil
for n = 23, #ARGV - 9 do
  local state, version = unpack(redis.call('HMGET', key(arg(n)), 'state', 'v'))
  if not state or version ~= VERSION then return {'unknown_dependency', arg(n)} end
  if not final(state) then
    table.insert(waits_for, arg(n))
  elseif state ~= 'SUCCESS' then
    failed = 'dependency_failed: Job ' .. arg(n) .. ' ended in ' .. state .. '.'
  end
end

local start, deadline = tonumber(arg(7)), tonumber(arg(8))
local waits = #waits_for > 0 or (start and start > NOW)
local state = waits and 'WAITING' or 'PENDING'
redis.call('HSET', key(id), 'v', VERSION, 'job', arg(2), 'type', arg(3), 'priority', arg(4),
  'state', state, 'submitted_ms', arg(5), 'traceparent', arg(6), 'replayed_from', arg(9),
  'settled', 0, 'processed', 0, 'failed', 0, 'attempts', 0)
if arg(13) ~= '' then redis.call('HSET', key(id), 'about', arg(13)) end
if start then redis.call('HSET', key(id), 'not_before_ms', ms(start)) end
if deadline then redis.call('HSET', key(id), 'deadline_ms', ms(deadline)) end
if arg(22) ~= '' then redis.call('HSET', key(id), 'result_ttl', arg(22)) end
if arg(23) then redis.call('HSET', key(id), 'depends_on', table.concat(ARGV, ' ', 9 + 23)) end
if arg(14) ~= '' then redis.call('HSET', key(id), 'caller', arg(14)) end
redis.call('ZADD', CALLERS, ms(NOW), arg(14))
redis.call('HSET', caller_key(arg(14), 'jobs'), id, ms(articles) .. ' ' .. ms(bytes))
add_usage(arg(14), 1, articles, bytes)
redis.call('ZADD', index_key(state, arg(3)), 0, id)
event(id, 'state', {state = state})
count(1, 'submitted', arg(3))
if idempotency then
  redis.call('HSET', idempotency, 'job', id, 'digest', arg(11))
  redis.call('EXPIRE', idempotency, arg(12))
end
if failed then
  end_job(id, 'FAILURE', failed)
  return {'submitted', id}
end
if deadline then redis.call('ZADD', DUE, ms(deadline), step(id, 'deadline')) end
for _, dependency in ipairs(waits_for) do redis.call('SADD', key(dependency, 'dependents'), id) end
if #waits_for > 0 then
  redis.call('HSET', key(id), 'waits_for', #waits_for)
else
  begin(id)
end
return {'submitted', id}
