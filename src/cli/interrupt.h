// SIGINT and SIGTERM, for verbs that go on until somebody interrupts them.
//
//   Interrupt interrupt(lattice.bus.worker());
//   while (!interrupt.came()) WATTLE_CHECK(interrupt.signal().wait());
//
// The second one ends the process at once.
#pragma once

#include <boost/asio/signal_set.hpp>
#include <functional>

#include "async/signal.h"

namespace wattle::cli {

class Interrupt {
 public:
  // `when` is called on the worker's loop, as the first one comes.
  explicit Interrupt(async::Worker& worker, std::function<void()> when = {});
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool came() const { return came_; }
  // Notified when it comes.
  async::Signal& signal() { return signal_; }

 private:
  boost::asio::signal_set signals_;
  async::Signal signal_;
  bool came_ = false;
};

}  // namespace wattle::cli
