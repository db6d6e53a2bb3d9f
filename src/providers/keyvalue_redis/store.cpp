#include "providers/keyvalue_redis/store.h"

#include <charconv>
#include <unordered_set>

namespace wattle::providers::redis {
namespace {

using capability::KeyPage;

// Of one MGET, MSET or UNLINK: what a server does in one go, others wait for.
constexpr size_t kBatchMax = 500;
constexpr std::string_view kScanCount = "500";

// Redis's own numbers end at 2^63 - 1 and its scripts' at 2^53, so it adds digit by digit. Returns the sum,
// or a word for what is wrong.
constexpr std::string_view kIncrementScript = R"(
local a = redis.call('GET', KEYS[1]) or '0'
local b = ARGV[1]
if not string.find(a, '^%d+$') or #a > 20 then return 'number' end
if #a > #b then b = string.rep('0', #a - #b) .. b else a = string.rep('0', #b - #a) .. a end
local sum, carry = {}, 0
for i = #a, 1, -1 do
  local digit = string.byte(a, i) + string.byte(b, i) - 96 + carry
  carry = digit > 9 and 1 or 0
  sum[i] = digit % 10
end
local text = string.gsub((carry == 1 and '1' or '') .. table.concat(sum), '^0+', '')
if text == '' then text = '0' end
if #text > 20 or (#text == 20 and text > '18446744073709551615') then
  if #a == 20 and a > '18446744073709551615' then return 'number' end
  return 'sum'
end
redis.call('SET', KEYS[1], text)
return text
)";

Error unexpected_reply(std::string_view command) {
  return {ErrorCode::malformed, fmt::format("Redis answered {} with a reply of the wrong kind", command)};
}

}  // namespace

Result<std::optional<std::string>> Store::get(std::string_view bucket, std::string_view key) {
  const std::string name = layout(bucket).redis_key(key);
  WATTLE_TRY(Reply reply, client_->command({"GET", name}, Repeat::allowed));
  if (reply.kind == Reply::Kind::null) return std::nullopt;
  if (reply.kind != Reply::Kind::text) return failure(unexpected_reply("GET"));
  return std::move(reply.text);
}

Result<void> Store::set(std::string_view bucket, std::string_view key, std::string_view value) {
  const std::string name = layout(bucket).redis_key(key);
  WATTLE_CHECK(client_->command({"SET", name, value}, Repeat::never));
  return {};
}

Result<void> Store::remove(std::string_view bucket, std::string_view key) {
  const std::string name = layout(bucket).redis_key(key);
  WATTLE_CHECK(client_->command({"DEL", name}, Repeat::never));
  return {};
}

Result<bool> Store::exists(std::string_view bucket, std::string_view key) {
  const std::string name = layout(bucket).redis_key(key);
  WATTLE_TRY(const Reply reply, client_->command({"EXISTS", name}, Repeat::allowed));
  return reply.integer > 0;
}

// A page is what one or several steps of SCAN bring; the cursor is SCAN's own.
Result<KeyPage> Store::list_keys(std::string_view bucket, std::optional<uint64_t> cursor) {
  const Layout keys = layout(bucket);
  const std::string pattern = keys.pattern();
  KeyPage page;
  std::unordered_set<std::string> listed;
  std::string position = std::to_string(cursor.value_or(0));
  do {
    WATTLE_TRY(Reply reply,
               client_->command({"SCAN", position, "MATCH", pattern, "COUNT", kScanCount, "TYPE", "string"},
                                Repeat::allowed));
    if (reply.items.size() != 2) return failure(unexpected_reply("SCAN"));
    position = reply.items[0].text;
    for (const Reply& item : reply.items[1].items) {
      const auto key = keys.key_of(item.text);
      if (key && listed.emplace(*key).second) page.keys.emplace_back(*key);
    }
  } while (position != "0" && page.keys.size() < capability::kKeysPerPage / 2);
  uint64_t next = 0;
  if (std::from_chars(position.data(), position.data() + position.size(), next).ec != std::errc())
    return failure(unexpected_reply("SCAN"));
  if (next != 0) page.cursor = next;
  return page;
}

Result<uint64_t> Store::increment(std::string_view bucket, std::string_view key, uint64_t delta) {
  const std::string name = layout(bucket).redis_key(key);
  const std::string added = std::to_string(delta);
  WATTLE_TRY(const Reply reply,
             client_->command({"EVAL", kIncrementScript, "1", name, added}, Repeat::never));
  if (reply.text == "number") return failure(not_a_number());
  if (reply.text == "sum") return failure(too_large_a_sum());
  uint64_t sum = 0;
  if (std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), sum).ec != std::errc())
    return failure(unexpected_reply("EVAL"));
  return sum;
}

Result<std::vector<std::optional<std::string>>> Store::get_many(std::string_view bucket,
                                                                const std::vector<std::string>& keys) {
  const Layout names = layout(bucket);
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (size_t begin = 0; begin < keys.size(); begin += kBatchMax) {
    const size_t end = std::min(begin + kBatchMax, keys.size());
    std::vector<std::string> kept;
    for (size_t i = begin; i < end; ++i) kept.push_back(names.redis_key(keys[i]));
    std::vector<std::string_view> words{"MGET"};
    words.insert(words.end(), kept.begin(), kept.end());
    WATTLE_TRY(Reply reply, client_->command(words, Repeat::allowed));
    if (reply.items.size() != kept.size()) return failure(unexpected_reply("MGET"));
    for (Reply& item : reply.items)
      values.push_back(item.kind == Reply::Kind::text ? std::optional(std::move(item.text)) : std::nullopt);
  }
  return values;
}

Result<void> Store::set_many(std::string_view bucket,
                             const std::vector<std::pair<std::string, std::string>>& values) {
  const Layout names = layout(bucket);
  for (size_t begin = 0; begin < values.size(); begin += kBatchMax) {
    const size_t end = std::min(begin + kBatchMax, values.size());
    std::vector<std::string> kept;
    for (size_t i = begin; i < end; ++i) kept.push_back(names.redis_key(values[i].first));
    std::vector<std::string_view> words{"MSET"};
    for (size_t i = begin; i < end; ++i) {
      words.push_back(kept[i - begin]);
      words.push_back(values[i].second);
    }
    WATTLE_CHECK(client_->command(words, Repeat::never));
  }
  return {};
}

Result<void> Store::remove_many(std::string_view bucket, const std::vector<std::string>& keys) {
  const Layout names = layout(bucket);
  for (size_t begin = 0; begin < keys.size(); begin += kBatchMax) {
    const size_t end = std::min(begin + kBatchMax, keys.size());
    std::vector<std::string> kept;
    for (size_t i = begin; i < end; ++i) kept.push_back(names.redis_key(keys[i]));
    std::vector<std::string_view> words{"DEL"};
    words.insert(words.end(), kept.begin(), kept.end());
    WATTLE_CHECK(client_->command(words, Repeat::never));
  }
  return {};
}

capability::Health Store::health() {
  const auto problem = client_->problem();
  if (!problem) return {};
  return {.healthy = false, .message = problem->full_message()};
}

}  // namespace wattle::providers::redis
