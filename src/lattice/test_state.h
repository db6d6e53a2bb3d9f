// The lattice's state for tests, which do not wait long for copies of other hosts that are not there.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "lattice/lattice_state.h"

namespace wattle::lattice {

inline std::unique_ptr<LatticeState> open_test_state(Bus& bus, std::string_view lattice = "default") {
  StoreOptions options;
  options.lattice = lattice;
  options.copies.dead_after = std::chrono::milliseconds(20);
  auto state = LatticeState::open(bus, std::move(options));
  if (!state) {
    ADD_FAILURE() << state.error().full_message();
    std::abort();
  }
  return std::move(*state);
}

}  // namespace wattle::lattice
