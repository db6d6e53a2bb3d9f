// Component binaries from strangers: decode() takes any bytes, refuses what is malformed or invalid with a
// message, and what it accepts it accepts again.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "component/component.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> binary(data, data + size);
  const auto first = wattle::component::decode(binary);
  if (!first && first.error().message().empty()) std::abort();
  const auto second = wattle::component::decode(binary);
  if (first.has_value() != second.has_value()) std::abort();
  if (!first && first.error().message() != second.error().message()) std::abort();
  return 0;
}
