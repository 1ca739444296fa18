-- The articles of a job that wait for their hosts.
-- args: 1 job id, 2 how many to tell of at the most
-- gives: how many there are, then of the first by their time: {candidate (JSON), host, ms}.
local id = arg(1)
local steps, waiting = redis.call('HGETALL', key(id, 'steps')), {}
for n = 1, #steps, 2 do
  local host = string.match(steps[n + 1], '^D %d+ %d+ (.*)$')
  local index = article_index(steps[n])
  if index and host and host ~= '-' then
    local due = tonumber(redis.call('ZSCORE', DUE, step(id, steps[n])))
    table.insert(waiting, {index = index, host = host, due = due})
  end
end
table.sort(waiting, function(one, other)
  if one.due ~= other.due then return one.due < other.due end
  return tonumber(one.index) < tonumber(other.index)
end)
local told = {#waiting}
for n = 1, math.min(#waiting, tonumber(arg(2))) do
  local one = waiting[n]
  told[n + 1] = {redis.call('HGET', key(id, 'articles'), one.index), one.host, one.due}
end
return told
