#include "async/stack_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace wattle::async {
namespace {

size_t page_bytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

StackPool::StackPool(size_t stack_bytes, size_t kept)
    : stack_bytes_((stack_bytes + page_bytes() - 1) / page_bytes() * page_bytes()), kept_(kept) {}

StackPool::~StackPool() {
  kept_ = 0;
  for (auto& stack : unused_) deallocate(stack);
}

boost::context::stack_context StackPool::allocate() {
  if (!unused_.empty()) {
    auto stack = unused_.back();
    unused_.pop_back();
    return stack;
  }
  size_t total = stack_bytes_ + page_bytes();
  void* base = mmap(nullptr, total, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  if (mprotect(base, page_bytes(), PROT_NONE) != 0) {
    munmap(base, total);
    throw std::bad_alloc();
  }
  boost::context::stack_context stack;
  stack.size = total;
  stack.sp = static_cast<char*>(base) + total;
  return stack;
}

void StackPool::deallocate(boost::context::stack_context& stack) noexcept {
  if (unused_.size() < kept_) {
    unused_.push_back(stack);
    return;
  }
  munmap(static_cast<char*>(stack.sp) - stack.size, stack.size);
}

}  // namespace wattle::async
