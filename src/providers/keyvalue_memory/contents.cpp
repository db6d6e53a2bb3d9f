#include "providers/keyvalue_memory/contents.h"

#include "providers/key_value_provider.h"

namespace wattle::providers {

MemoryContents::Value MemoryContents::get(std::string_view bucket, std::string_view key) const {
  const View wanted{key_position(key), key};
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return nullptr;
  const auto entry = found->second.find(wanted);
  return entry == found->second.end() ? nullptr : entry->second;
}

Result<void> MemoryContents::set(std::string_view bucket, std::string_view key, std::string_view value) {
  auto kept = std::make_shared<const std::string>(value);
  const std::lock_guard lock(mutex_);
  return put(bucket, key, std::move(kept));
}

Result<void> MemoryContents::put(std::string_view bucket, std::string_view key, Value value) {
  auto found = buckets_.find(bucket);
  if (found == buckets_.end()) found = buckets_.emplace(bucket, Bucket()).first;
  const View wanted{key_position(key), key};
  const auto entry = found->second.find(wanted);
  const bool there = entry != found->second.end();
  const size_t freed = there ? entry->second->size() : 0;
  const size_t added = value->size() + (there ? 0 : key.size());
  if (added > freed && bytes_ + (added - freed) > bytes_max_)
    return failure(Error(ErrorCode::memory_exceeded,
                         fmt::format("the store in memory is full: it holds at most {} bytes", bytes_max_))
                       .with_remedy("raise the provider's setting max_bytes, or use another backend"));
  bytes_ = bytes_ + added - freed;
  if (there) {
    entry->second = std::move(value);
  } else {
    found->second.emplace(Key{wanted.position, std::string(key)}, std::move(value));
  }
  return {};
}

bool MemoryContents::remove(std::string_view bucket, std::string_view key) {
  const View wanted{key_position(key), key};
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return false;
  const auto entry = found->second.find(wanted);
  if (entry == found->second.end()) return false;
  bytes_ -= entry->second->size() + key.size();
  found->second.erase(entry);
  return true;
}

capability::KeyPage MemoryContents::list_keys(std::string_view bucket, std::optional<uint64_t> cursor) const {
  capability::KeyPage page;
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return page;
  uint64_t last = 0;
  for (auto entry = found->second.lower_bound(View{cursor.value_or(0), {}}); entry != found->second.end();
       ++entry) {
    // Keys of the same position stay on one page.
    if (page.keys.size() >= capability::kKeysPerPage && entry->first.position != last) {
      page.cursor = entry->first.position;
      break;
    }
    last = entry->first.position;
    page.keys.push_back(entry->first.text);
  }
  return page;
}

Result<uint64_t> MemoryContents::increment(std::string_view bucket, std::string_view key, uint64_t delta) {
  const std::lock_guard lock(mutex_);
  std::optional<std::string> now;
  if (const auto found = buckets_.find(bucket); found != buckets_.end()) {
    const auto entry = found->second.find(View{key_position(key), key});
    if (entry != found->second.end()) now = *entry->second;
  }
  WATTLE_TRY(const uint64_t sum, incremented(now, delta));
  WATTLE_CHECK(put(bucket, key, std::make_shared<const std::string>(std::to_string(sum))));
  return sum;
}

}  // namespace wattle::providers
