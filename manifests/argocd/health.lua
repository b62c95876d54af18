-- Health of WebPool, RoutingRule and DatabaseGrant for Argo CD. The kinds follow the kstatus conventions.
-- Written for Lua 5.1, which Argo CD speaks.
local function condition(type)
  for _, found in ipairs((obj.status or {}).conditions or {}) do
    if found.type == type then return found end
  end
  return nil
end

local function is_true(type)
  local found = condition(type)
  return found ~= nil and found.status == "True"
end

local ready = condition("Ready")
local message = ready ~= nil and ready.message or "Waits for the operator"
local observed = (obj.status or {}).observedGeneration

if ready == nil or observed ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waits for the operator"}
end
if (obj.spec or {}).paused == true then return {status = "Suspended", message = message} end
if is_true("Stalled") then return {status = "Degraded", message = message} end
if is_true("Reconciling") then return {status = "Progressing", message = message} end
if ready.status == "True" then return {status = "Healthy", message = message} end
if ready.status == "False" then return {status = "Degraded", message = message} end
return {status = "Progressing", message = message}
