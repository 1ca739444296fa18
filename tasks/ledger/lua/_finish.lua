-- Runs after every script: admits steps of the callers whose steps the script has changed.
--
-- Every eighth admission looks at the classes from low to high, so that a low priority is never starved.
local AGEING = 8

local function take_from_backlog(caller)
  local admissions = redis.call('HINCRBY', caller.turns_key, 'admissions', 1)
  if admissions % AGEING > 0 then return unpack(redis.call('ZPOPMIN', caller.backlog_key)) end
  local last = tonumber(redis.call('ZRANGE', caller.backlog_key, -1, -1, 'WITHSCORES')[2])
  local least = ms(math.floor(last / CLASS_SIZE) * CLASS_SIZE)
  local member, score = unpack(redis.call('ZRANGEBYSCORE', caller.backlog_key, least, '+inf',
    'WITHSCORES', 'LIMIT', 0, 1))
  redis.call('ZREM', caller.backlog_key, member)
  return member, score
end

local function admit_next(caller)
  local member, score = take_from_backlog(caller)
  caller.backlog = caller.backlog - 1
  local class = math.floor(tonumber(score) / CLASS_SIZE)
  redis.call('HSET', caller.turns_key, class, ms(tonumber(score) % CLASS_SIZE))
  local id, name = string.match(member, '^([^/]+)/(.+)$')
  local record = read_step(id, name)
  -- A worker of an older release may have claimed the step meanwhile.
  if not record or record.state ~= 'Q' then return end
  write_step(id, name, 'Q', record.attempt, record.tries, admit(caller, member), NOW + GRACE)
end

local function finish()
  local names = {}
  for name in pairs(open_callers) do table.insert(names, name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local caller = open_callers[name]
    while caller.backlog > 0 and caller.admitted < caller_window() do admit_next(caller) end
    if caller.has_turns and caller.backlog == 0 then redis.call('DEL', caller.turns_key) end
  end
end
