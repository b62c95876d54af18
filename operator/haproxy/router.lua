-- Routes what one map lookup cannot: ordered conditions, weights, wildcard hosts, answers of the proxy itself.
-- Everything it knows stands in the routing map, under keys that name their content, so a change of rules is a change
-- of data and never a reload. Keys: `?ID.N` parts of a chain of entries, `~ID.N` parts of a regular expression's program.
-- The grammar of both is written by routes.ts and regex-program.ts.

local by_prefix = Map.new("routes.map", Map._beg)
local by_key = Map.new("routes.map", Map._str)

math.randomseed(os.time() * 131 + (core.thread or 0) * 7919)

-- A cache that forgets everything when it is full: its entries can always be made again.
local function cache(limit)
  local held, count = {}, 0
  return {
    get = function(key) return held[key] end,
    put = function(key, value)
      if count >= limit then held, count = {}, 0 end
      held[key], count = value, count + 1
      return value
    end,
  }
end

local function blob(id)
  local parts, n = {}, 1
  local part = by_key:lookup(id .. ".1")
  while part do
    parts[n], n = part, n + 1
    part = by_key:lookup(id .. "." .. n)
  end
  return table.concat(parts)
end

local function decode(text)
  return (string.gsub(text, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function split(text, separator)
  local list = {}
  for item in string.gmatch(text, "[^" .. separator .. "]+") do list[#list + 1] = item end
  return list
end

-- Regular expressions: a program of RE2's instructions, run as a DFA whose states are made when they are first met.
-- Time is linear in the length of the value, whatever the expression.

local programs = cache(1000)
local START, WORD, OTHER = 0, 1, 2

local function is_word(byte)
  return byte and (byte == 95 or (byte >= 48 and byte <= 57) or (byte >= 65 and byte <= 90) or (byte >= 97 and byte <= 122))
end

local function load_program(id)
  local code = {}
  local list = split(blob("~" .. id), "/")
  for i, text in ipairs(list) do
    local op, rest = string.sub(text, 1, 1), string.sub(text, 2)
    local inst = { op = op }
    if op == "r" then
      local out, ranges = string.match(rest, "^(%d+):(.*)$")
      inst.out = tonumber(out)
      inst.set = {}
      for low, high in string.gmatch(ranges, "(%d+)-(%d+)") do
        for byte = tonumber(low), tonumber(high) do inst.set[byte] = true end
      end
    else
      local a, b = string.match(rest, "^(%d*),?(%d*)$")
      inst.out, inst.arg = tonumber(a), tonumber(b)
    end
    code[i - 1] = inst
  end
  return { code = code, states = cache(2000) }
end

-- Whether an empty-width instruction holds between `before` and the byte that comes next (nil: the end).
local function holds(flags, before, byte)
  if flags & 5 ~= 0 and before ~= START then return false end
  if flags & 10 ~= 0 and byte then return false end
  local boundary = (before == WORD) ~= (is_word(byte) or false)
  if flags & 16 ~= 0 and not boundary then return false end
  return not (flags & 32 ~= 0 and boundary)
end

local function close(code, pcs, before, byte)
  local seen, stack, found = {}, {}, { match = false }
  for i = 1, #pcs do stack[i] = pcs[i] end
  while #stack > 0 do
    local pc = table.remove(stack)
    local inst = code[pc]
    if inst and not seen[pc] then
      seen[pc] = true
      if inst.op == "r" then found[#found + 1] = inst
      elseif inst.op == "m" then found.match = true
      elseif inst.op == "a" then stack[#stack + 1] = inst.out; stack[#stack + 1] = inst.arg
      elseif inst.op == "n" then stack[#stack + 1] = inst.out
      elseif inst.op == "e" and holds(inst.arg, before, byte) then stack[#stack + 1] = inst.out
      end
    end
  end
  return found
end

local function state_of(program, pcs, before)
  table.sort(pcs)
  local key = before .. ":" .. table.concat(pcs, ",")
  return program.states.get(key) or program.states.put(key, { pcs = pcs, before = before, next = {} })
end

local function step(program, state, byte)
  local pcs, added = {}, {}
  for _, inst in ipairs(close(program.code, state.pcs, state.before, byte)) do
    if inst.set[byte] and not added[inst.out] then
      added[inst.out] = true
      pcs[#pcs + 1] = inst.out
    end
  end
  local following = #pcs > 0 and state_of(program, pcs, is_word(byte) and WORD or OTHER)
  state.next[byte] = following
  return following
end

local function regex(id, start, value)
  local program = programs.get(id) or programs.put(id, load_program(id))
  local state = state_of(program, { start }, START)
  for i = 1, #value do
    local byte = string.byte(value, i)
    local following = state.next[byte]
    if following == nil then following = step(program, state, byte) end
    if not following then return false end
    state = following
  end
  return close(program.code, state.pcs, state.before, nil).match
end

local function value_matches(match, value)
  if value == nil then return false end
  if match.type == "E" then return value == match.value end
  return regex(match.value, match.start, value)
end

-- What a request is asked for; each is read when a condition first needs it.

-- The suffix of the first path segment that ends like a file.
local function extension(path)
  for segment in string.gmatch(path, "[^/]+") do
    local ext = string.match(segment, "^.+%.([^.]+)$")
    if ext and #ext <= 10 and string.match(ext, "^%w+$") and string.match(ext, "%a") then return string.lower(ext) end
  end
end

local function header(txn, name)
  local values = txn.http:req_get_headers()[name]
  if not values then return nil end
  local list, i = {}, 0
  while values[i] do
    list[#list + 1] = values[i]
    i = i + 1
  end
  return table.concat(list, ",")
end

local function media_type(txn)
  local value = header(txn, "content-type")
  return value and string.lower(string.match(value, "^%s*([^;%s]*)"))
end

local function parameter(txn, name)
  local form = function(text) return decode((string.gsub(text, "+", " "))) end
  for pair in string.gmatch(txn.sf:query() or "", "[^&]+") do
    local key, value = string.match(pair, "^([^=]*)=?(.*)$")
    if form(key) == name then return form(value) end
  end
end

-- The client's address. One of IPv4 may be told as `::ffff:192.0.2.1` by who is in front of us and listens for both families.
local function source_of(txn)
  local source = txn.sf:src()
  return string.match(source, "^::ffff:([%d.]+)$") or source
end

local function source_in(txn, ranges)
  local source = core.parse_addr(source_of(txn))
  for _, range in ipairs(ranges) do
    if core.match_addr(source, range) then return true end
  end
  return false
end

-- The name that a TLS client asked for.
local function server_name(txn) return string.lower(txn.sf:ssl_fc_sni() or "") end

-- The terms of a host's TLS: its own, those of the wildcard one label up, those of every other host.
local function site_of(port, name)
  local key = "tls|" .. port .. "|"
  local above = string.gsub(name, "^[^.]*", "*", 1)
  return by_key:lookup(key .. name) or by_key:lookup(key .. above) or by_key:lookup(key .. "*")
end

local conditions = {
  e = function(txn, set) local ext = extension(txn:get_var("txn.path")); return ext and set[ext] or false end,
  c = function(txn, set)
    local type = media_type(txn)
    local family = type and string.match(type, "^[^/]*/")
    return type and (set[type] or family and set[family .. "*"]) or false
  end,
  m = function(txn, method) return txn.sf:method() == method end,
  h = function(txn, match) return value_matches(match, header(txn, match.name)) end,
  q = function(txn, match) return value_matches(match, parameter(txn, match.name)) end,
  p = function(txn, match) return value_matches(match, txn:get_var("txn.path")) end,
  t = function(txn, id) return id == site_of(txn:get_var("txn.port"), server_name(txn)) end,
  s = source_in,
}

-- Chains: entries `field=value&…`, in order of precedence, each with its conditions and one action.

local function set_of(text)
  local set = {}
  for _, item in ipairs(split(text, ",")) do set[string.lower(decode(item))] = true end
  return set
end

local function match_of(text)
  local type, name, value = string.match(text, "^(%u):([^:]*):(.*)$")
  if type == "E" then return { type = type, name = decode(name), value = decode(value) } end
  local id, start = string.match(value, "^(%x+)%.(%d+)$")
  return { type = type, name = decode(name), value = id, start = tonumber(start) }
end

-- Rate limits reckon in hundredths of a millisecond; 32 bits of them are twelve hours.
local UNITS_IN_MS = 100

local function ranges_of(text)
  local ranges = {}
  for i, item in ipairs(split(text, ",")) do ranges[i] = core.parse_addr(item) end
  return ranges
end

local function weights_of(text)
  local list = { total = 0 }
  for i, item in ipairs(split(text, ",")) do
    local name, weight = string.match(item, "^(.*):(%d+)$")
    list.total = list.total + tonumber(weight)
    list[i] = { name = name, upto = list.total }
  end
  return list
end

local function answer_of(text)
  local status, type, body = string.match(text, "^(%d+):([^:]*):(.*)$")
  return { status = tonumber(status), reason = "respond", type = decode(type), body = decode(body) }
end

local function change_of(text)
  local op, name, value = string.match(text, "^(%l+):([^:]*):?(.*)$")
  return { op = op, name = decode(name), value = decode(value) }
end

local function path_change_of(text)
  local type, length, to = string.match(text, "^(%u):(%d*):(.*)$")
  return { whole = type == "F", length = tonumber(length), to = decode(to) }
end

local function list_of(text)
  local list = {}
  for i, item in ipairs(split(text, ",")) do list[i] = decode(item) end
  return list
end

local function cors_of(text)
  local origins, credentials, methods, headers, expose, age = string.match(text, "^(.*):(.*):(.*):(.*):(.*):(.*)$")
  return {
    origins = set_of(origins), credentials = credentials ~= "", age = age,
    methods = list_of(methods), headers = list_of(headers), expose = list_of(expose),
  }
end

local function redirect_of(text)
  local status, scheme, host, port = string.match(text, "^(%d+):(%l*):([^:]*):(%d*)$")
  return { status = tonumber(status), scheme = scheme ~= "" and scheme, host = host ~= "" and decode(host), port = tonumber(port) }
end

local function limit_of(text)
  local id, requests, per, burst, status, name = string.match(text, "^(%x+):(%d+):(%d+):(%d+):(%d+):(.*)$")
  return {
    id = id, interval = tonumber(per) * UNITS_IN_MS / tonumber(requests), burst = tonumber(burst),
    status = tonumber(status), name = name ~= "" and decode(name),
  }
end

local readers = {
  e = set_of, c = set_of, m = decode, h = match_of, q = match_of, p = match_of, s = ranges_of,
  A = ranges_of, D = ranges_of, L = limit_of, B = tonumber, T = tonumber, Q = change_of, P = change_of, C = cors_of, H = decode, N = path_change_of,
  b = function(name) return name end, w = weights_of, r = answer_of, G = redirect_of,
  t = function(id) return id end,
  n = function(rule) return rule end,
}
local is_action = { b = true, w = true, r = true, G = true }
local is_list = { Q = true, P = true }

-- Of a field `3Q=…` the number says for which pool of the entry it is.
local function parse_entry(text)
  local entry = { conditions = {}, pools = {}, handled = false }
  for _, field in ipairs(split(text, "&")) do
    local pool, key, value = string.match(field, "^(%d*)(%a)=(.*)$")
    local parsed = readers[key](value)
    if conditions[key] then
      entry.conditions[#entry.conditions + 1] = { holds = conditions[key], with = parsed }
    elseif is_action[key] then
      entry.action, entry.with = key, parsed
      entry.handled = entry.handled or key == "G"
    elseif key == "n" then
      entry.rule = parsed
    else
      local place = entry
      if pool ~= "" then
        place = entry.pools[tonumber(pool)] or {}
        entry.pools[tonumber(pool)] = place
      end
      entry.handled = true
      if is_list[key] then
        place[key] = place[key] or {}
        table.insert(place[key], parsed)
      else
        place[key] = parsed
      end
    end
  end
  return entry
end

local chains = cache(20000)

local function chain_of(id)
  local chain = chains.get(id)
  if chain then return chain end
  chain = {}
  for i, text in ipairs(split(blob(id), "|")) do chain[i] = parse_entry(text) end
  return chains.put(id, chain)
end

-- The first entry whose conditions hold; the access log tells its rule.
local function first_match(txn, id)
  for _, entry in ipairs(chain_of(id)) do
    local matches = true
    for _, condition in ipairs(entry.conditions) do
      if not condition.holds(txn, condition.with) then
        matches = false
        break
      end
    end
    if matches then
      txn:set_var("txn.rule", entry.rule)
      return entry
    end
  end
end

-- Actions. HTTP answers with a reason; Layer 4 can only close.

-- `changes`: what the answer's headers go through before it is sent.
local function answer_http(txn, answer, changes)
  local headers = {
    { name = "Content-Type", value = answer.type },
    { name = "X-Webpool-Reason", value = answer.reason },
  }
  if not answer.cacheable then headers[3] = { name = "Cache-Control", value = "no-store" } end
  for _, change in ipairs(changes or {}) do
    for i = #headers, 1, -1 do
      if change.op ~= "add" and string.lower(headers[i].name) == change.name then table.remove(headers, i) end
    end
    if change.op ~= "del" then headers[#headers + 1] = change end
  end
  local reply = txn:reply()
  reply:set_status(answer.status)
  for _, field in ipairs(headers) do reply:add_header(field.name, field.value) end
  reply:set_body(answer.body)
  txn:done(reply)
end

local function reason(status, word)
  return { status = status, reason = word, type = "text/plain", body = word }
end

-- The name of a backend and its place in the list.
local function choose(entry)
  if entry.action == "b" then return entry.with, 1 end
  local drawn = math.random(entry.with.total)
  for i, choice in ipairs(entry.with) do
    if drawn <= choice.upto then return choice.name, i end
  end
end

local function may(txn, entry)
  if entry.D and source_in(txn, entry.D) then return false end
  return not entry.A or source_in(txn, entry.A)
end

local function act(txn, entry, answer)
  if not may(txn, entry) then return answer(txn, reason(403, "access-denied")) end
  if entry.action == "r" then return answer(txn, entry.with) end
  local backend = choose(entry)
  if backend == "!" then return answer(txn, reason(500, "pool-not-found")) end
  txn:set_var("txn.to", backend)
end

-- Handling: what happens to a request that has found its entry, and to its answer.

local function change_headers(http, way, changes)
  for _, change in ipairs(changes or {}) do
    local call = http[way .. "_" .. change.op .. "_header"]
    if change.op == "del" then call(http, change.name) else call(http, change.name, change.value) end
  end
end

local function is_allowed(cors, origin)
  origin = string.lower(origin)
  if cors.origins["*"] or cors.origins[origin] then return true end
  local scheme, host = string.match(origin, "^(https?://)([^/]+)$")
  while host do
    host = string.match(host, "^[^.]*%.(.+)$")
    if host and cors.origins[scheme .. "*." .. host] then return true end
  end
  return false
end

-- A wildcard would not count for requests with credentials, so what was asked for stands in its place.
local function listed(values, asked)
  if #values == 0 then return nil end
  for _, value in ipairs(values) do
    if value == "*" then return asked end
  end
  return table.concat(values, ", ")
end

-- Changes of an answer to a script of `origin`. Whatever the server says about it, the rule decides.
local function cors_changes(cors, origin, names)
  local changes = {
    { op = "del", name = "access-control-allow-origin" },
    { op = "del", name = "access-control-allow-credentials" },
    { op = "del", name = "access-control-expose-headers" },
  }
  local add = function(name, value)
    if value then changes[#changes + 1] = { op = "add", name = name, value = value } end
  end
  local anybody = cors.origins["*"] and not cors.credentials
  if not anybody then add("vary", "Origin") end
  if origin and is_allowed(cors, origin) then
    add("access-control-allow-origin", anybody and "*" or origin)
    add("access-control-allow-credentials", cors.credentials and "true")
    add("access-control-expose-headers", listed(cors.expose, cors.credentials and names or "*"))
  end
  return changes
end

-- Answers the question of a browser whether a script may send a request; true when it was one.
local function preflight(txn, cors)
  local origin, method = header(txn, "origin"), header(txn, "access-control-request-method")
  if txn.sf:method() ~= "OPTIONS" or not origin or not method then return false end
  local changes = { { op = "del", name = "content-type" }, { op = "add", name = "vary", value = "Origin" } }
  local add = function(name, value)
    if value then changes[#changes + 1] = { op = "add", name = name, value = value } end
  end
  if is_allowed(cors, origin) then
    add("access-control-allow-origin", cors.origins["*"] and not cors.credentials and "*" or origin)
    add("access-control-allow-credentials", cors.credentials and "true")
    add("access-control-allow-methods", listed(cors.methods, method))
    add("access-control-allow-headers", listed(cors.headers, header(txn, "access-control-request-headers")))
    add("access-control-max-age", cors.age)
  end
  answer_http(txn, { status = 204, reason = "cors-preflight", type = "", body = "" }, changes)
  return true
end

local function path_of(txn, change)
  local path = txn:get_var("txn.path")
  if not change then return path end
  if change.whole then return change.to end
  path = change.to .. string.sub(path, change.length + 1)
  return path == "" and "/" or path
end

local well_known = { http = 80, https = 443 }

-- Where a redirect leads, by the rules of Gateway API for the port.
local function location(txn, entry, port)
  local to = entry.with
  -- At this point the header is ours, or that of a load balancer that is trusted.
  local scheme = to.scheme or header(txn, "x-forwarded-proto") == "https" and "https" or "http"
  local host = to.host or string.gsub(header(txn, "host") or "", ":%d*$", "")
  port = to.port or to.scheme and well_known[to.scheme] or tonumber(port)
  local query = txn.sf:query() or ""
  local rest = path_of(txn, entry.N) .. (query ~= "" and "?" .. query or "")
  if host == "" then return rest end
  return scheme .. "://" .. host .. (port == well_known[scheme] and "" or ":" .. port) .. rest
end

-- What the answer of a server goes through, remembered until it comes.
local function response_changes(txn, entry, own)
  if not (entry.P or entry.C or own.P) then return end
  txn:set_priv({ entry.P, own.P, cors = entry.C, origin = entry.C and header(txn, "origin") })
  txn:set_var("txn.answer", 1)
end

local function joined(...)
  local all = {}
  for _, list in ipairs({ ... }) do
    for _, change in ipairs(list) do all[#all + 1] = change end
  end
  return all
end

-- Why the body of a request is not let through. What does not say how long it is could only be counted when it is too late.
local function body_refusal(txn, most)
  local length = header(txn, "content-length")
  if length then return tonumber(length) > most and reason(413, "body-too-large") end
  -- HTTP/2 has no word for it: a request without a body ends with its headers.
  local ended = tonumber(txn.sf:internal_htx_has_eom()) == 1 and tonumber(txn.sf:req_body_size()) == 0
  return (header(txn, "transfer-encoding") or not ended) and reason(411, "length-required")
end

local function handle(txn, entry, port)
  if entry.C and preflight(txn, entry.C) then return end
  local refused = entry.B and body_refusal(txn, entry.B)
  if refused then return answer_http(txn, refused) end
  if entry.action == "r" or entry.action == "G" then
    local answer = entry.with
    local changes = joined(entry.C and cors_changes(entry.C, header(txn, "origin"), "*") or {}, entry.P or {})
    if entry.action == "G" then
      answer = { status = answer.status, reason = "redirect", type = "text/plain", body = "redirect", cacheable = true }
      changes = joined({ { op = "add", name = "Location", value = location(txn, entry, port) } }, changes)
    end
    return answer_http(txn, answer, changes)
  end
  local backend, place = choose(entry)
  if backend == "!" then return answer_http(txn, reason(500, "pool-not-found")) end
  local own = entry.pools[place] or {}
  response_changes(txn, entry, own)
  change_headers(txn.http, "req", entry.Q)
  change_headers(txn.http, "req", own.Q)
  if entry.H then txn.http:req_set_header("host", entry.H) end
  if entry.N then txn.http:req_set_path(path_of(txn, entry.N)) end
  if not entry.T then return txn:set_var("txn.to", backend) end
  txn:set_var("txn.timeout", entry.T)
  txn:set_var("txn.pool", backend)
  txn:set_var("txn.to", "webpool_timed")
end

-- Rate limits: a table that all proxies share holds for each client until when its requests are used up, as if they
-- came evenly (GCRA). Reading and writing it takes steps of the frontend: who, whether, whether again when another
-- thread has written meanwhile, and the new time.

-- One host has all of an IPv6 /64.
local function network(address)
  if not string.find(address, ":", 1, true) then return address end
  local head, tail = string.match(address, "^(.-)::(.*)$")
  local groups, rest = split(head or address, ":"), split(tail or "", ":")
  while #groups + #rest < 8 do groups[#groups + 1] = "0" end
  for _, group in ipairs(rest) do groups[#groups + 1] = group end
  return table.concat(groups, ":", 1, 4)
end

local function client_of(txn, name)
  local value = name and header(txn, name)
  if value then return "h" .. value end
  return "a" .. network(source_of(txn))
end

-- Begins with an entry that is more than a backend. Where clients are counted, it goes on in `webpool_handle`.
local function meet(txn, entry, port)
  if not may(txn, entry) then return answer_http(txn, reason(403, "access-denied")) end
  if not entry.L then return handle(txn, entry, port) end
  txn:set_priv(entry)
  txn:set_var("txn.limit", entry.L.id .. txn.c:hex(txn.c:sha1(client_of(txn, entry.L.name))))
  txn:set_var("txn.to", "+")
end

core.register_action("webpool_limit", { "http-req" }, function(txn)
  local limit = txn:get_priv().L
  local time = core.now()
  local now = (time.sec * 1000 * UNITS_IN_MS + time.usec * UNITS_IN_MS // 1000) & 0xffffffff
  local used = tonumber(txn.sf:sc_get_gpt0(0))
  txn:set_var("txn.limit_seen", used)
  -- How far what was used reaches into the future; what lies in the past has been regained.
  local ahead = used == 0 and 0 or (used - now) & 0xffffffff
  if ahead >= 0x80000000 then ahead = 0 end
  local excess = ahead - (limit.burst - 1) * limit.interval
  if excess > 1 then
    local answer = reason(limit.status, "rate-limited")
    local wait = math.ceil(excess / UNITS_IN_MS / 1000)
    return answer_http(txn, answer, { { op = "add", name = "Retry-After", value = tostring(wait) } })
  end
  -- What is less than a unit is left to chance, which is right on average.
  local step = math.floor(limit.interval + math.random())
  local till = (now + ahead + step) & 0xffffffff
  txn:set_var("txn.limit_until", till == 0 and 1 or till)
end, 0)

core.register_action("webpool_handle", { "http-req" }, function(txn, port)
  handle(txn, txn:get_priv(), port)
end, 1)

core.register_action("webpool_answer", { "http-res" }, function(txn)
  local kept = txn:get_priv()
  if kept.cors then
    local names = {}
    for name in pairs(txn.http:res_get_headers()) do names[#names + 1] = name end
    change_headers(txn.http, "res", cors_changes(kept.cors, kept.origin, table.concat(names, ", ")))
  end
  change_headers(txn.http, "res", kept[1])
  change_headers(txn.http, "res", kept[2])
end, 0)

-- The less specific hosts of `host`, in order: *.b.c, *.c, any.
local function next_level(host)
  if host == "*" then return nil end
  local rest = string.match(string.gsub(host, "^%*%.", ""), "^[^.]*%.(.+)$")
  return rest and "*." .. rest or "*"
end

core.register_action("webpool_route", { "http-req" }, function(txn, port, level)
  local host = level == "any" and "*" or txn:get_var("txn.host") or ""
  local to = txn:get_var("txn.to")
  while true do
    if to and string.sub(to, 1, 1) ~= "?" then return txn:set_var("txn.to", to) end
    local entry = to and first_match(txn, to)
    if entry and entry.handled then return meet(txn, entry, port) end
    if entry then return act(txn, entry, answer_http) end
    host = next_level(host)
    if not host then return answer_http(txn, reason(404, "no-matching-rule")) end
    to = by_prefix:lookup(port .. "|" .. host .. txn:get_var("txn.path") .. "/?")
  end
end, 2)

core.register_action("webpool_route_tcp", { "tcp-req" }, function(txn)
  local close = function() txn:done() end
  local entry = first_match(txn, txn:get_var("txn.to"))
  if entry then act(txn, entry, close) else close() end
end, 0)

core.register_action("webpool_route_sni", { "tcp-req" }, function(txn, port)
  local close = function() txn:done() end
  local host, to = txn:get_var("txn.host") or "", txn:get_var("txn.to")
  while true do
    if to and string.sub(to, 1, 1) ~= "?" then return txn:set_var("txn.to", to) end
    local entry = to and first_match(txn, to)
    if entry then return act(txn, entry, close) end
    host = next_level(host)
    if not host then return close() end
    to = by_key:lookup("sni|" .. port .. "|" .. host)
  end
end, 1)

core.register_action("webpool_misdirected", { "http-req" }, function(txn, port)
  if site_of(port, server_name(txn)) ~= site_of(port, txn:get_var("txn.host") or "") then
    answer_http(txn, reason(421, "misdirected"))
  end
end, 1)

-- The one normal form of a path that routing and access share; the server gets the path as it was sent.

local function normalize(path)
  if string.find(path, "\\", 1, true) or string.find(string.gsub(path, "%%%x%x", ""), "%", 1, true) then return nil end
  local bad = false
  path = string.gsub(path, "%%(%x%x)", function(hex)
    local char = string.char(tonumber(hex, 16))
    if char == "/" or char == "\0" or char == "\\" then bad = true end
    return string.match(char, "[%w%-._~]") and char or "%" .. string.upper(hex)
  end)
  if bad then return nil end
  local kept, directory = {}, false
  for segment in string.gmatch(path, "[^/]+") do
    directory = segment == "." or segment == ".."
    if segment == ".." then
      if #kept == 0 then return nil end
      table.remove(kept)
    elseif segment ~= "." then
      kept[#kept + 1] = segment
    end
  end
  directory = #kept > 0 and (directory or string.sub(path, -1) == "/")
  return "/" .. table.concat(kept, "/") .. (directory and "/" or "")
end

core.register_action("webpool_path", { "http-req" }, function(txn)
  local path = normalize(txn:get_var("txn.path"))
  if path then txn:set_var("txn.path", path) else answer_http(txn, reason(400, "bad-path")) end
end, 0)
