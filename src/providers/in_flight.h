// Counts the calls that a provider is working on, so that it can wait for them before it goes.
#pragma once

#include <cstddef>

#include "async/signal.h"

namespace wattle::providers {

class InFlight {
 public:
  class Call {
   public:
    explicit Call(InFlight& calls) : calls_(calls) { ++calls_.count_; }
    ~Call() {
      if (--calls_.count_ == 0) calls_.idle_.notify();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    InFlight& calls_;
  };

  size_t count() const { return count_; }
  // Until there is none, or the fiber's deadline.
  void wait() {
    while (count_ > 0 && idle_.wait()) continue;
  }

 private:
  size_t count_ = 0;
  async::Signal idle_;
};

}  // namespace wattle::providers
