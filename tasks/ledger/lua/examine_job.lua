-- Checks whether a job can still come to its end, and fixes what keeps it from that.
-- args: 1 job id, 2 '1' to fix
-- returns: for each fault two values, the name of the check and the id or step that it is about. The
--          checks: 'newer', 'index', 'stuck_steps', 'dependencies', 'stuck_jobs'.
-- Invariant after a fix: an active job has a step that is due, or waits for an active job; and each
-- job is in the index of its state and type.
local id, fix = arg(1), arg(2) == '1'
local state, job_type, version = unpack(redis.call('HMGET', key(id), 'state', 'type', 'v'))
if not state then return {} end
if version ~= VERSION then return {'newer', id} end

local faults = {}
local function fault(check, about)
  table.insert(faults, check)
  table.insert(faults, about)
end

local function examine_index()
  local expiry = state .. '/' .. job_type .. '/' .. id
  local listed = redis.call('ZSCORE', index_key(state, job_type), id)
  local expires = not final(state) or redis.call('ZSCORE', EXPIRY, expiry)
  if listed and expires then return end
  fault('index', id)
  if not fix then return end
  redis.call('ZADD', index_key(state, job_type), 0, id)
  if not final(state) then return end
  local left_ms = redis.call('PTTL', key(id))
  redis.call('ZADD', EXPIRY, ms(NOW + (left_ms > 0 and left_ms or JOB_TTL * 1000)), expiry)
end

-- The reaper examines due steps only, so it would never find a step without a due time.
local function examine_step(name)
  local member, record = step(id, name), read_step(id, name)
  local queued = record.state ~= 'Q' or redis.call('ZSCORE', QUEUED, member)
  if redis.call('ZSCORE', DUE, member) and queued then return end
  fault('stuck_steps', member)
  if not fix then return end
  redis.call('ZADD', DUE, ms(NOW), member)
  if not queued then redis.call('ZADD', QUEUED, ms(NOW), member) end
end

-- A dependency that is unknown now had ended, and was counted then unless the count says otherwise.
local function examine_dependencies()
  local unmet, unlinked, failed, unknown = 0, {}, nil, nil
  for dependency in string.gmatch(field(id, 'depends_on') or '', '%S+') do
    local its_state = field(dependency, 'state')
    if not its_state then
      unknown = dependency
    elseif not final(its_state) then
      unmet = unmet + 1
      if redis.call('SISMEMBER', key(dependency, 'dependents'), id) == 0 then
        table.insert(unlinked, dependency)
      end
    elseif its_state ~= 'SUCCESS' then
      failed = 'dependency_failed: Job ' .. dependency .. ' ended in ' .. its_state .. '.'
    end
  end
  local counted = tonumber(field(id, 'waits_for') or 0)
  if unknown and counted > unmet then
    failed = failed or 'dependency_failed: Job ' .. unknown .. ' is not known any more.'
  end
  if not failed and counted == unmet and #unlinked == 0 and unmet > 0 then return end
  fault('dependencies', id)
  if not fix then return end
  if failed then return end_job(id, 'FAILURE', failed) end
  redis.call('HSET', key(id), 'waits_for', unmet)
  for _, dependency in ipairs(unlinked) do redis.call('SADD', key(dependency, 'dependents'), id) end
  if unmet == 0 then begin(id) end
end

-- Opens the steps that the job has lost. The count of all claims is at least as high as the number of
-- any earlier attempt, so an attempt that still runs cannot pass the fence.
local function reopen()
  local total, next_index, attempts =
    unpack(redis.call('HMGET', key(id), 'total', 'next', 'attempts'))
  attempts = tonumber(attempts or 0)
  if not total then return queue_step(id, 'discover', attempts, 0) end
  redis.call('HSET', key(id), 'settled', redis.call('HLEN', key(id, 'outcomes')))
  for index = 0, tonumber(next_index) - 1 do
    if redis.call('HEXISTS', key(id, 'outcomes'), ms(index)) == 0 then
      queue_step(id, 'analyse:' .. ms(index), attempts, 0)
    end
  end
  release(id, attempts)
end

local function examine_open()
  local names = redis.call('HKEYS', key(id, 'steps'))
  for _, name in ipairs(names) do examine_step(name) end
  if #names > 0 or field(id, 'unreleased') then return end
  if field(id, 'depends_on') and state == 'WAITING' and not field(id, 'cancelled') then
    return examine_dependencies()
  end
  fault('stuck_jobs', id)
  if not fix then return end
  if field(id, 'cancelled') then return revoke_if_idle(id) end
  if state == 'WAITING' then return begin(id) end
  reopen()
end

examine_index()
if not final(state) then examine_open() end
return faults
