#include "runtime/handle_table.h"

namespace wattle::runtime {

uint32_t HandleTable::add(const Handle& handle) {
  uint32_t index = first_free_;
  if (index != 0) {
    first_free_ = entries_[index].next_free;
  } else {
    if (entries_.size() > kMaxHandles) return 0;
    index = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  }
  entries_[index] = {handle, 0, true};
  ++count_;
  return index;
}

void HandleTable::remove(uint32_t index) {
  entries_[index].is_used = false;
  entries_[index].next_free = first_free_;
  first_free_ = index;
  --count_;
}

}  // namespace wattle::runtime
