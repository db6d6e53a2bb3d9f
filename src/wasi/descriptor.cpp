#include "wasi/descriptor.h"

#include <poll.h>
#include <unistd.h>

namespace wattle::wasi {

bool poll_now(int descriptor, short events) {
  if (descriptor < 0) return true;  // to fail at once is not to wait
  pollfd entry{descriptor, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

Descriptor::Descriptor(int number) : descriptor_(async::Worker::current()->io()), signals_(new Signals) {
  boost::system::error_code error;
  descriptor_.assign(number, error);
  // No room in the event loop: what is left is a closed descriptor, on which every operation fails.
  if (error) {
    ::close(number);
    return;
  }
  descriptor_.non_blocking(true, error);
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
