-- A script for wrk: sends each prepared request exactly once. When all are answered it prints how
-- many there were, how many of the answers were 200, and how long it took; at the end the latencies.
-- Both are lines of JSON.
--
-- The file of requests has for each its length in bytes on a line, and then its bytes.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]]
local MONOTONIC = 1

local requests, next_one = {}, 0
local answered, good, started = 0, 0, nil

local function now()
  local instant = ffi.new("instant")
  ffi.C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  next_one = next_one + 1
  if next_one == 1 then
    return requests[1] -- wrk looks at one request before it starts, and does not send it
  end
  started = started or now()
  return requests[next_one - 1] or "" -- nothing left: the connection stays open and quiet
end

function response(status)
  answered = answered + 1
  if status == 200 then good = good + 1 end
  if answered == #requests then
    print(string.format('{"answered": %d, "good": %d, "seconds": %.6f}', answered, good, now() - started))
    io.flush()
  end
end

function done(_, latency)
  print(string.format('{"p50_ms": %.3f, "p99_ms": %.3f}',
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
