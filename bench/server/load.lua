-- What wrk sends: the requests of a file, which its argument names, each after its length on a line of its own.
-- One request is sent again and again; of several, each is sent once. What came of it is told as a line of JSON.

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local requests = {}
  for line in file:lines() do
    requests[#requests + 1] = file:read(tonumber(line))
  end
  file:close()
  if #requests == 1 then
    -- Asked once: what is always the same costs no call of Lua.
    wrk.format = function()
      return requests[1]
    end
    return
  end
  local sent = 0
  request = function()
    sent = sent + 1
    if sent > #requests then
      io.stderr:write("all requests have been sent before the time was over\n")
      os.exit(1)
    end
    return requests[sent]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(
    string.format(
      '{"requests":%d,"microseconds":%d,"failures":%d,"p50":%d,"p99":%d}\n',
      summary.requests,
      summary.duration,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50),
      latency:percentile(99)
    )
  )
end
