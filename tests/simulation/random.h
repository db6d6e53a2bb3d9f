// Chance from a seed: the same on every machine, which <random>'s distributions are not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace wattle::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 0x1234567) {}

  uint64_t next() {  // splitmix64
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  // Less than `limit`, which is not 0.
  uint64_t below(uint64_t limit) { return next() % limit; }
  uint32_t between(uint32_t least, uint32_t most) {
    return least + static_cast<uint32_t>(below(uint64_t{most} - least + 1));
  }
  bool chance(double probability) {
    return static_cast<double>(next() >> 11) < probability * static_cast<double>(1ULL << 53);
  }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<int64_t>(below(static_cast<uint64_t>((most - least).count()) + 1)));
  }
  template <class Item>
  const Item& pick(const std::vector<Item>& items) {
    return items[static_cast<size_t>(below(items.size()))];
  }

 private:
  uint64_t state_;
};

}  // namespace wattle::simulation
