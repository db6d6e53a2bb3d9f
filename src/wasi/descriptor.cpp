#include "wasi/descriptor.h"

#include <poll.h>

#include <cassert>

namespace wattle::wasi {

bool poll_now(int descriptor, short events) {
  pollfd entry{descriptor, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

Descriptor::Descriptor(int number) : descriptor_(async::Worker::current()->io()), signals_(new Signals) {
  boost::system::error_code ignored;
  descriptor_.assign(number, ignored);
  assert(!ignored);
  descriptor_.non_blocking(true, ignored);
}

Descriptor::~Descriptor() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

bool Descriptor::is_readable() {
  return poll_now(number(), POLLIN);
}
bool Descriptor::is_writable() {
  return poll_now(number(), POLLOUT);
}

async::Signal& Descriptor::watch(Direction direction) {
  const size_t index = static_cast<size_t>(direction);
  if (!signals_->watching[index]) {
    signals_->watching[index] = true;
    descriptor_.async_wait(direction == Direction::read ? descriptor_.wait_read : descriptor_.wait_write,
                           [signals = signals_, index](boost::system::error_code) {
                             signals->watching[index] = false;
                             signals->changed[index].notify();
                           });
  }
  return signals_->changed[index];
}

}  // namespace wattle::wasi
