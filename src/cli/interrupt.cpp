#include "cli/interrupt.h"

#include <csignal>

namespace wattle::cli {

Interrupt::Interrupt(async::Worker& worker, std::function<void()> when)
    : signals_(worker.io(), SIGINT, SIGTERM) {
  signals_.async_wait([this, when = std::move(when)](boost::system::error_code error, int) {
    if (error) return;  // this is gone
    signals_.clear();
    came_ = true;
    if (when) when();
    signal_.notify();
  });
}

}  // namespace wattle::cli
