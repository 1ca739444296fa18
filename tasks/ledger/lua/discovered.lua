-- Ends `discover`: stores the job's articles and releases the first of them.
-- args: 1 job id, 2 attempt, 3 the reports of the sources (JSON), 4 to 6 see `ended`, then each candidate
--       (JSON)
-- returns: see `ended_before` if the lease was lost, else `ended`.
-- Invariant: `total` is set once, and counts the articles.
local FIRST = 7
local id = arg(1)
if not held(id, 'discover', arg(2)) then return ended_before(arg(4), arg(5)) end
close_step(id, 'discover', true)
if field(id, 'cancelled') then
  revoke_if_idle(id)
else
  local total = 0
  while arg(FIRST + total) do
    redis.call('HSET', key(id, 'articles'), ms(total), arg(FIRST + total))
    total = total + 1
  end
  redis.call('HSET', key(id), 'total', ms(total), 'next', 0, 'discovery', arg(3))
  event(id, 'discovered', {total = total})
  release(id)
end
return ended(id, arg(4), arg(5), arg(6))
