"""What Redis does in one go, in Lua: no other command comes between.

Knows the two keys: a stream whose entries are the events, and a hash that says which stream it is.

- ``epoch`` in the hash names the stream's life: what was flushed, or lost a part, begins another one.
- ``born`` is the id at which the epoch began; what is below it may be missing.
- ``last`` is the newest id that was given, ``nonce`` the batch that it was given to.

An entry's id is ``ID-0``. Its fields: ``c`` channel, ``m`` message, ``a`` attachments, ``t`` time in milliseconds,
``n`` nonce of its batch, and in the first of a batch ``p``, the nonce of the batch before: whoever reads can tell that
nothing is missing in between. A notice has ``k`` instead of the first three, and is kept in a hash of its own.
"""

import hashlib
from typing import NamedTuple

from oyez.brokers.clocks import HIGHEST_TIME


class Script(NamedTuple):
    """One script, and the name by which Redis knows it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


CHANGED = "EPOCH"
"""What the answer to a post begins with when the stream is another one; nothing was taken."""

OLD = "OLD"
"""What an answer begins with where Redis is too old for the scripts."""

HIGHEST = "HIGHEST"
"""What the answer to a post begins with when an entry that no daemon wrote leaves no room for ids."""

_COMMON = (
    f"local HIGHEST = {HIGHEST_TIME + 2**39}"  # whatever is above it leaves no room, and is no daemon's
    + """
if not redis.REDIS_VERSION_NUM then return redis.error_reply('OLD Redis') end  -- it came with version 7
local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function as_id(number) return string.format('%.0f-0', number) end
local function part(text) return tonumber(string.match(text, '^%d+')) end
local function newest_in(stream)
  local id = part(stream['last-generated-id'])
  return id <= HIGHEST and id or 0
end
local function members(flat)
  local found = {}
  for at = 1, #flat, 2 do found[flat[at]] = flat[at + 1] end
  return found
end
"""
)

POST = _script(
    _COMMON
    + """
local hash = redis.call('HMGET', KEYS[2], 'epoch', 'last', 'nonce')
if hash[1] ~= ARGV[1] or not hash[2] then return redis.error_reply('EPOCH is another') end
local server, skew, nonce = server_ms(), tonumber(ARGV[3]), ARGV[4]
local now = math.max(math.min(tonumber(ARGV[2]), server + skew), server - skew)
local id, time = math.max(hash[2] + 1, now), string.format('%.0f', now)
local function first_of(id)
  local fields = {'n', nonce, 't', time, 'p', hash[3] or ''}
  if KEYS[3] then
    fields[7], fields[8] = 'k', ARGV[6]
  else
    fields[7], fields[8], fields[9], fields[10] = 'c', ARGV[5], 'm', ARGV[6]
    if ARGV[7] ~= '' then fields[11], fields[12] = 'a', ARGV[7] end
  end
  return redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', as_id(id), unpack(fields))
end
if KEYS[3] then redis.call('HSET', KEYS[3], ARGV[5], ARGV[6]) end
local added = first_of(id)
if type(added) == 'table' and added.err and string.find(added.err, 'equal or smaller') then
  local stream = members(redis.call('XINFO', 'STREAM', KEYS[1]))
  id = newest_in(stream) + 1
  if id == 1 then return redis.error_reply('HIGHEST id is taken by an entry that no daemon wrote') end
  added = first_of(id)
end
if not added then return redis.error_reply('EPOCH is over, the stream is gone') end
if type(added) == 'table' then return added end
local first = id
if not KEYS[3] then
  for at = 8, #ARGV, 3 do
    id = id + 1
    if ARGV[at + 2] == '' then
      redis.call('XADD', KEYS[1], as_id(id), 'n', nonce, 't', time, 'c', ARGV[at], 'm', ARGV[at + 1])
    else
      redis.call('XADD', KEYS[1], as_id(id), 'n', nonce, 't', time, 'c', ARGV[at], 'm', ARGV[at + 1], 'a', ARGV[at + 2])
    end
  end
end
redis.call('HSET', KEYS[2], 'last', string.format('%.0f', id), 'nonce', nonce)
return first
"""
)
"""Keys: stream, hash. Arguments: epoch, the daemon's time in ms, by how much that may differ, nonce; then three for
each event: channel, message, attachments. Returns the id of the first; the others follow it one by one.

With a third key, the hash of notices, it is one of those: after the nonce come its name, and the second until which it
is of use with its text behind a space."""

LOOK = _script(
    _COMMON
    + """
local server = server_ms()
local hash = redis.call('HMGET', KEYS[2], 'epoch', 'born', 'last', 'swept')
if not hash[1] or not hash[2] or not hash[3] or redis.call('EXISTS', KEYS[1]) == 0 then
  return {'', 0, 0, 0, '', server, 0}
end
local refusal
local function trim(how, bound)
  local count = redis.pcall('XTRIM', KEYS[1], how, '~', bound, 'LIMIT', 0)
  if type(count) ~= 'table' then return count end
  if string.find(count.err, 'executing the script') or string.find(count.err, 'ACL') then refusal = count end
  return 0
end
local function sweep()
  for name, text in pairs(members(redis.call('HGETALL', KEYS[3]))) do
    if (part(text) or 0) * 1000 < server then redis.pcall('HDEL', KEYS[3], name) end
  end
  redis.pcall('HSET', KEYS[2], 'swept', string.format('%.0f', server))
end
if ARGV[2] ~= '' then
  trim('MINID', as_id(math.max(server - tonumber(ARGV[2]), 0)))
  for _ = 1, 20 do
    local count = redis.call('XLEN', KEYS[1])
    if count < 2 or redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0) <= tonumber(ARGV[3]) then break end
    if trim('MAXLEN', math.floor(count * 0.95)) == 0 then break end
  end
  if math.abs(server - tonumber(hash[4] or '0')) > 60000 then sweep() end
end
if refusal then return refusal end
local stream = members(redis.call('XINFO', 'STREAM', KEYS[1]))
local top = math.max(tonumber(hash[3]), newest_in(stream))
local gone = part(stream['max-deleted-entry-id'])
if stream['entries-added'] > stream['length'] then
  local first = stream['first-entry']
  gone = math.max(gone, first and part(first[1]) - 1 or part(stream['last-generated-id']))
end
local found = ''
if ARGV[1] ~= '' then
  local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
  if entry then found = members(entry[2])['n'] or '?' end
end
return {hash[1], tonumber(hash[2]), top, math.min(gone, top), found, server, stream['length']}
"""
)
"""Keys: stream, hash, notices. Arguments: the id of an entry, or nothing; how old an entry may be in ms, or nothing;
how many bytes the stream may have. Returns epoch, born, last, the id up to which entries are gone, the nonce of that
entry, Redis's time in ms, and how many entries there are. An empty epoch: there is no such stream.

A trim by what is about right drops whole nodes of the stream: where a twentieth is less than one, it drops none. Once a
minute, whoever looks removes the notices that are of no use any more."""

BEGIN = _script(
    _COMMON
    + """
local exists = redis.call('EXISTS', KEYS[1]) == 1
local epoch, last = unpack(redis.call('HMGET', KEYS[2], 'epoch', 'last'))
if epoch and exists and epoch ~= ARGV[1] then return 0 end
local born = math.max(tonumber(ARGV[3]), tonumber(last or '0'))
if exists then
  born = math.max(born, newest_in(members(redis.call('XINFO', 'STREAM', KEYS[1]))))
end
if born > 0 then born = born + tonumber(ARGV[6]) end
if not epoch then
  local server = server_ms()
  born = math.max(born, server, math.min(tonumber(ARGV[4]), server + tonumber(ARGV[5])))
end
if not exists then
  redis.call('XADD', KEYS[1], as_id(born), 'born', ARGV[2])
  redis.call('XDEL', KEYS[1], as_id(born))
  redis.call('XSETID', KEYS[1], as_id(born), 'ENTRIESADDED', 0, 'MAXDELETEDID', as_id(born))
end
local text = string.format('%.0f', born)
redis.call('HSET', KEYS[2], 'epoch', ARGV[2], 'born', text, 'last', text, 'nonce', ARGV[2])
return 1
"""
)
"""Begin an epoch, unless somebody else has. Keys: stream, hash. Arguments: the epoch that is over, the new one, the
highest id that was seen, the daemon's time in ms, by how much that may differ from Redis's, and how many ids are left
out above what is known: no daemon knows what another one has seen."""

RAISE = _script(
    """
local last = redis.call('HGET', KEYS[2], 'last')
if last and tonumber(last) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[2], 'last', ARGV[1]) end
return 1
"""
)
"""Give no id up to this one any more. Keys: stream, hash."""

ALL = (POST, LOOK, BEGIN, RAISE)
