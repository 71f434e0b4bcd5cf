-- Stores ARGV[1] under KEYS[1] for ARGV[2] milliseconds, unless what is there is newer. Version and proof are the
-- first two numbers of a value. Lua's numbers are exact up to 2^53, and neither comes near that. What is too
-- short to compare is damaged, and replaced.
local have = redis.call('GETRANGE', KEYS[1], 0, 15)
if #have == 16 then
  local version, proven = struct.unpack('>I8I8', have)
  local newVersion, newProven = struct.unpack('>I8I8', ARGV[1])
  if version > newVersion or (version == newVersion and proven >= newProven) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
