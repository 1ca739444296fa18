-- Delays a step that has to wait for a host. This attempt does not count as a try, and when the step is
-- due, it goes to the front of its list. The step of a cancelled job is dropped instead.
-- args: 1 job id, 2 step, 3 attempt, 4 delay in ms, 5 host
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
delay_step(id, name, record.attempt, record.tries - 1, arg(5), NOW + tonumber(arg(4)))
return 1
