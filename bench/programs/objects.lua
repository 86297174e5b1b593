-- Tables, strings, closures and coroutines, made and dropped; run by bench/run under lua5.4.
-- Argument: scale (1 takes about a second).

local scale = tonumber(arg[1] or "1")

local Point = {}
Point.__index = Point

function Point.new(x, y)
  return setmetatable({ x = x, y = y }, Point)
end

function Point:moved(dx, dy)
  return Point.new(self.x + dx, self.y + dy)
end

local function points(count)
  local live = {}
  for i = 1, count do
    live[i * 7919 % 5000 + 1] = Point.new(i, i):moved(1, -1)
  end
  return #live
end

local function strings(count)
  local parts = {}
  for i = 1, count do
    parts[#parts + 1] = string.format("%d:%s", i, string.rep("s", i % 40))
    if #parts == 500 then
      local text = table.concat(parts, ",")
      parts = {}
      for word in text:gmatch("%d+") do
        parts[1] = word
      end
    end
  end
  return #parts
end

local function closures(count)
  local total = 0
  for i = 1, count do
    local sum = 0
    local function add(by)
      sum = sum + by
      return sum
    end
    add(i)
    total = total + add(1)
  end
  return total
end

local function maps(count)
  local map = {}
  for i = 1, count do
    map["key" .. (i * 31 % 20000)] = { i, name = "n" .. i }
    if i % 3 == 0 then
      map["key" .. (i * 17 % 20000)] = nil
    end
  end
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return #keys
end

local function tree(depth)
  if depth == 0 then
    return {}
  end
  return { tree(depth - 1), tree(depth - 1) }
end

local function coroutines(count)
  local total = 0
  for i = 1, count do
    local step = coroutine.wrap(function()
      coroutine.yield(i)
      coroutine.yield(i + 1)
    end)
    total = total + step() + step()
  end
  return total
end

for _ = 1, math.max(1, math.floor(4 * scale)) do
  assert(points(200000) == 5000)
  strings(100000)
  assert(closures(200000) > 0)
  assert(maps(80000) > 0)
  assert(tree(14))
  assert(coroutines(20000) > 0)
end
print("ops", 4 * scale)
