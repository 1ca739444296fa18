-- Gives up a lease: the step goes to the front of its list, and this attempt does not count as a try.
-- The step of a cancelled job is dropped instead.
-- args: 1 job id, 2 step, 3 attempt
-- returns: 1, or 0 if the lease was lost.
-- Invariant: the number of the attempt stays used.
local id, name = arg(1), arg(2)
local record = held(id, name, arg(3))
if not record then return 0 end
if field(id, 'cancelled') then
  close_step(id, name, true)
  revoke_if_idle(id)
  return 1
end
log_attempt(id, name, record.attempt, 'handed_back')
withdraw(id, name)
queue_step(id, name, record.attempt, record.tries - 1, true)
return 1
