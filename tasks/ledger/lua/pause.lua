-- Pauses or resumes the queue. While it is paused, no step can be claimed; running steps go on.
-- args: 1 '1' to pause, '0' to resume
-- returns: 1.
if arg(1) == '1' then redis.call('SET', PAUSED, 1) else redis.call('DEL', PAUSED) end
return 1
