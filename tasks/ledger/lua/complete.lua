-- Ends `rank`, and with it the job: in SUCCESS, or in REVOKED if it was cancelled in the meantime.
-- args: 1 job id, 2 attempt, 3 result (JSON), 4 to 6 see `ended`
-- returns: see `ended_before` if the lease was lost, else `ended`.
-- Invariant: only a SUCCESS has a stored result.
local id = arg(1)
if not held(id, 'rank', arg(2)) then return ended_before(arg(4), arg(5)) end
if field(id, 'cancelled') then
  close_step(id, 'rank', true)
  revoke_if_idle(id)
else
  redis.call('SET', key(id, 'result'), arg(3))
  end_job(id, 'SUCCESS')
end
return ended('', arg(4), arg(5), arg(6))
