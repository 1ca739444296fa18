-- Delays a step that may succeed later. Fails it if it has no tries left, or if its job is cancelled.
-- args: 1 job id, 2 step, 3 attempt, 4 delay in ms, 5 reason, 6 detail, 7 the host that asked for
--       the delay, or '-'
-- returns: 'delayed', 'failed', or 'lost' if the lease was lost.
-- Invariant: a step is tried at most TRIES times.
local id, name = arg(1), arg(2)
local record = held(id, name, arg(3))
if not record then return 'lost' end
local last = record.tries >= TRIES or field(id, 'cancelled')
log_attempt(id, name, record.attempt, last and 'failed' or 'retried', arg(5), arg(6))
if last then
  fail_step(id, name, arg(5), arg(6))
  return 'failed'
end
delay_step(id, name, record.attempt, record.tries, arg(7), NOW + tonumber(arg(4)))
return 'delayed'
