#include "async/pipe.h"

#include <algorithm>
#include <cstring>

namespace wattle::async {

std::span<const uint8_t> Pipe::peek() const {
  if (size_ == 0) return {};
  return {ring_.data() + head_, std::min(size_, ring_.size() - head_)};
}

void Pipe::consume(size_t bytes) {
  if (bytes == 0) return;
  const bool was_full = size_ >= capacity_;
  size_ -= bytes;
  head_ = size_ == 0 ? 0 : (head_ + bytes) % ring_.size();
  if (was_full || size_ <= capacity_ / 2) writable_.notify();
}

size_t Pipe::try_read(std::span<uint8_t> into) {
  const size_t total = copy(into);
  consume(total);
  return total;
}

size_t Pipe::copy(std::span<uint8_t> into) const {
  size_t total = 0;
  while (total < into.size() && total < size_) {
    size_t from = (head_ + total) % ring_.size();
    size_t count = std::min({into.size() - total, size_ - total, ring_.size() - from});
    std::memcpy(into.data() + total, ring_.data() + from, count);
    total += count;
  }
  return total;
}

void Pipe::stop_reading() {
  reader_gone_ = true;
  size_ = head_ = 0;
  writable_.notify();
}

Result<size_t> Pipe::read_some(std::span<uint8_t> into) {
  while (size_ == 0 && !closed_) WATTLE_CHECK(readable_.wait());
  if (size_ == 0 && error_) return failure(*error_);
  return try_read(into);
}

void Pipe::reserve(size_t bytes) {
  if (ring_.size() >= bytes) return;
  std::vector<uint8_t> larger(
      std::min(capacity_, std::max<size_t>(bytes, std::max<size_t>(1024, 2 * ring_.size()))));
  for (size_t done = 0; done < size_;) {
    size_t from = (head_ + done) % ring_.size();
    size_t count = std::min(size_ - done, ring_.size() - from);
    std::memcpy(larger.data() + done, ring_.data() + from, count);
    done += count;
  }
  ring_ = std::move(larger);
  head_ = 0;
}

size_t Pipe::try_write(std::span<const uint8_t> bytes) {
  const size_t count = std::min(bytes.size(), room());
  if (count == 0) return 0;
  reserve(size_ + count);
  for (size_t done = 0; done < count;) {
    size_t to = (head_ + size_) % ring_.size();
    size_t piece = std::min(count - done, ring_.size() - to);
    std::memcpy(ring_.data() + to, bytes.data() + done, piece);
    size_ += piece;
    done += piece;
  }
  readable_.notify();
  return count;
}

void Pipe::close() {
  if (closed_) return;
  closed_ = true;
  readable_.notify();
}

void Pipe::abort(Error error) {
  if (closed_) return;
  error_ = std::move(error);
  close();
}

Result<void> Pipe::write_all(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    if (reader_gone_) return failure(ErrorCode::unavailable, "the reader of the stream went away");
    if (closed_) return failure(ErrorCode::internal, "write to a closed stream");
    size_t written = try_write(bytes);
    bytes = bytes.subspan(written);
    if (written == 0) WATTLE_CHECK(writable_.wait());
  }
  return {};
}

}  // namespace wattle::async
