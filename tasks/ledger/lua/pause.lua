-- Stops the claiming of steps, or lets it go on. What runs is not touched.
-- args: 1 '1' to pause, '0' to go on
-- gives: 1.
if arg(1) == '1' then redis.call('SET', PAUSED, 1) else redis.call('DEL', PAUSED) end
return 1
