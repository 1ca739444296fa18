-- A page of schedules, newest first.
-- args: 1 the last id of the page before, or '', 2 the maximum number of schedules
-- A page has fewer where they are large: it ends after about 1 MB.
-- returns: {1 if more schedules follow, else 0, then for each schedule its id and
--           {schedule (JSON), next run in ms, last run (JSON) or ''}}
local cursor, limit = arg(1), tonumber(arg(2))
local ids = redis.call('HKEYS', PREFIX .. 'schedules')
table.sort(ids, function(a, b) return a > b end)
local page, bytes_left = {0}, 1e6
for _, id in ipairs(ids) do
  if cursor == '' or id < cursor then
    if #page > 2 * limit or bytes_left < 0 then
      page[1] = 1
      break
    end
    local schedule = redis.call('HGET', PREFIX .. 'schedules', id)
    bytes_left = bytes_left - #schedule
    table.insert(page, id)
    table.insert(page, {schedule,
      redis.call('ZSCORE', PREFIX .. 'schedules:due', id),
      redis.call('HGET', PREFIX .. 'schedules:runs', id) or ''})
  end
end
return page
