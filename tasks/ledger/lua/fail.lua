-- Fails a step permanently: an article settles as failed; any other step ends the job in FAILURE.
-- args: 1 job id, 2 step, 3 attempt, 4 reason, 5 detail
-- returns: 1, or 0 if the lease was lost.
-- Invariant: a step fails permanently only for the attempt that holds its lease.
local id, name = arg(1), arg(2)
local record = held(id, name, arg(3))
if not record then return 0 end
log_attempt(id, name, record.attempt, 'failed', arg(4), arg(5))
fail_step(id, name, arg(4), arg(5))
return 1
