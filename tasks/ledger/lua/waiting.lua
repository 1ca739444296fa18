-- The articles of a job that are delayed: for their hosts, or for another try after a failure.
-- args: 1 job id, 2 the maximum number of articles to return, 3 'host' or 'retry': which of the two
-- returns: {the number of such articles, then for each of the first {candidate (JSON), host or '-',
--          due time in ms}}, soonest first.
local id, of_hosts = arg(1), arg(3) == 'host'
local steps, waiting = redis.call('HGETALL', key(id, 'steps')), {}
for n = 1, #steps, 2 do
  local host = string.match(steps[n + 1], '^D %d+ %d+ (.*)$')
  local index = article_index(steps[n])
  if index and host and (host ~= '-') == of_hosts then
    local due = tonumber(redis.call('ZSCORE', DUE, step(id, steps[n])))
    table.insert(waiting, {index = index, host = host, due = due})
  end
end
table.sort(waiting, function(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return tonumber(a.index) < tonumber(b.index)
end)
local reply = {#waiting}
for n = 1, math.min(#waiting, tonumber(arg(2))) do
  local article = waiting[n]
  reply[n + 1] = {redis.call('HGET', key(id, 'articles'), article.index), article.host, article.due}
end
return reply
