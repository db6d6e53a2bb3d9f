// A file descriptor whose readiness fibers wait for. It owns the descriptor and makes it non-blocking.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "async/signal.h"

namespace wattle::wasi {

// Shared by the resources over one socket. Must go before its worker does.
class Descriptor : public boost::intrusive_ref_counter<Descriptor, boost::thread_unsafe_counter> {
 public:
  // Takes over `number`. On the worker's thread.
  explicit Descriptor(int number);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() { return descriptor_.native_handle(); }
  // What poll(2) says now: errors and hang-ups count as ready.
  bool is_readable();
  bool is_writable();
  // Notified once the descriptor is readable or writable; asking begins to watch.
  async::Signal& readable() { return watch(Direction::read); }
  async::Signal& writable() { return watch(Direction::write); }

 private:
  enum class Direction : uint8_t { read, write };
  // Outlives the descriptor until the last completion handler ran.
  struct Signals : boost::intrusive_ref_counter<Signals, boost::thread_unsafe_counter> {
    async::Signal changed[2];
    bool watching[2] = {false, false};
  };
  async::Signal& watch(Direction direction);

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
  boost::intrusive_ptr<Signals> signals_;
};
using DescriptorPtr = boost::intrusive_ptr<Descriptor>;

// poll(2) on one descriptor, without waiting.
bool poll_now(int descriptor, short events);

}  // namespace wattle::wasi
