-- A page of schedules, newest first.
-- args: 1 id that the page before ended with, or '', 2 how many at most
-- gives: {1 if there are more after these, else 0, then for each its id and
--         {schedule (JSON), next run in ms, last run (JSON) or ''}}
local cursor, limit = arg(1), tonumber(arg(2))
local ids = redis.call('HKEYS', PREFIX .. 'schedules')
table.sort(ids, function(one, other) return one > other end)
local page = {0}
for _, id in ipairs(ids) do
  if cursor == '' or id < cursor then
    if #page > 2 * limit then
      page[1] = 1
      break
    end
    table.insert(page, id)
    table.insert(page, {redis.call('HGET', PREFIX .. 'schedules', id),
      redis.call('ZSCORE', PREFIX .. 'schedules:due', id),
      redis.call('HGET', PREFIX .. 'schedules:runs', id) or ''})
  end
end
return page
