// The lattice's state for tests, which do not wait long for copies of other hosts that are not there.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "host/lattice_state.h"

namespace wattle::host {

inline std::unique_ptr<LatticeState> open_test_state(lattice::Bus& bus,
                                                     std::string_view lattice = "default") {
  lattice::StoreOptions options;
  options.lattice = lattice;
  options.copies.dead_after = std::chrono::milliseconds(20);
  auto state = LatticeState::open(bus, std::move(options));
  if (!state) {
    ADD_FAILURE() << state.error().full_message();
    std::abort();
  }
  return std::move(*state);
}

}  // namespace wattle::host
