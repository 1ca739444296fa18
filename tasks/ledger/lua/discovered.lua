-- Ends `discover`: stores the job's articles and releases the first of them.
-- args: 1 job id, 2 attempt, 3 the reports of the sources (JSON), then each candidate (JSON)
-- returns: 1, or 0 if the lease was lost.
-- Invariant: `total` is set once, and counts the articles.
local id = arg(1)
if not held(id, 'discover', arg(2)) then return 0 end
close_step(id, 'discover', true)
if field(id, 'cancelled') then
  revoke_if_idle(id)
  return 1
end
local total = #ARGV - 12
for n = 1, total do redis.call('HSET', key(id, 'articles'), ms(n - 1), arg(3 + n)) end
redis.call('HSET', key(id), 'total', ms(total), 'next', 0, 'discovery', arg(3))
event(id, 'discovered', {total = total})
release(id)
return 1
