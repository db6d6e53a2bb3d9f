// Edge-triggered readiness of many descriptors, for what moves bytes all the time: each descriptor is
// registered once, and from then on neither waiting for it nor noticing that its peer hung up costs a system
// call. Asio's own sockets pay one for every wait, or try every read twice.
//
// A poller does not keep Worker::run() going, fibers do: connections that merely lie idle do not hold a
// worker.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "async/fiber.h"

namespace wattle::async {

class Poller {
 public:
  // Told what happened to its descriptor, from the loop, outside of any fiber.
  class Watcher {
   public:
    // `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. Told once for each change, so the watcher
    // remembers readiness until a system call says EAGAIN.
    virtual void on_events(uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit Poller(Worker& worker);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Watches `descriptor` (non-blocking, not watched yet) until remove().
  Result<void> add(int descriptor, Watcher& watcher);
  // To be called before the descriptor is closed; `watcher` hears nothing more.
  void remove(int descriptor, Watcher& watcher);

  // Readable while events are there that no watcher was told.
  int descriptor() { return epoll_.native_handle(); }

 private:
  friend class Worker;
  static constexpr size_t kBatch = 256;

  void arm();
  void pause();
  void dispatch();

  Worker& worker_;
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> epoll_;
  std::array<epoll_event, kBatch> batch_;
  size_t batch_next_ = 0;  // the events from here to batch_end_ are still to be told
  size_t batch_end_ = 0;
  size_t watched_ = 0;
  bool armed_ = false;
};

}  // namespace wattle::async
