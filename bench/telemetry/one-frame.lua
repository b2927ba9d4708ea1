-- wrk script: one frame a request, no two of the same host and time, from bodies rendered beforehand.
-- Arguments: path, content type, file of templates (one a line, @@@ where the time goes), iso|ns, first epoch second,
-- then header names and values.

local templates = {}
local hosts = 100
local next_seconds
local is_iso

function init(args)
  local path, content_type, file, clock, first = args[1], args[2], args[3], args[4], tonumber(args[5])
  local head = 'POST ' .. path .. ' HTTP/1.1\r\nHost: bench\r\nContent-Type: ' .. content_type .. '\r\n'
  for index = 6, #args, 2 do
    head = head .. args[index] .. ': ' .. args[index + 1] .. '\r\n'
  end
  local width = clock == 'iso' and 24 or 19
  for line in io.lines(file) do
    local before, after = line:match('^(.-)@@@(.*)$')
    local length = #before + width + #after
    templates[#templates + 1] = { head .. 'Content-Length: ' .. length .. '\r\n\r\n' .. before, after }
  end
  next_seconds = first
  is_iso = clock == 'iso'
end

-- A step of ten seconds after each round of all hosts, as in the loaded history.
local index = 0
local stamp

local function advance()
  if is_iso then
    stamp = os.date('!%Y-%m-%dT%H:%M:%S.000Z', next_seconds)
  else
    stamp = string.format('%d000000000', next_seconds)
  end
  next_seconds = next_seconds + 10
end

function request()
  if index % hosts == 0 then
    advance()
  end
  local template = templates[index % #templates + 1]
  index = index + 1
  return template[1] .. stamp .. template[2]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
