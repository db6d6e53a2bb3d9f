// The canonical ABI on random types: a value that is lowered lifts as itself, in memory and flat, in every
// string encoding; and lifting takes any bytes as memory without more than a trap.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "wit/array_memory.h"
#include "wit/codec.h"
#include "wit/layout.h"
#include "wit/random.h"
#include "wit/wave.h"

namespace {

using namespace wattle::wit;

constexpr uint32_t kMemoryBytes = 1 << 20;

void round_trip(const TypeRef& type, const Layout& layout, Random& random, StringEncoding encoding) {
  const Value value = random.value(type);
  ArrayMemory memory(encoding, kMemoryBytes);
  Codec codec{.memory = &memory, .canonicalize_nan = true};
  const auto address = memory.reallocate(0, 0, layout.alignment, layout.size);
  if (!address) return;
  if (!codec.store(layout, value, *address)) return;  // the memory's limit
  const auto loaded = codec.load(layout, *address);
  if (!loaded || to_wave(type, *loaded) != to_wave(type, value)) std::abort();

  if (layout.flat.size() > kMaxFlatParameters) return;
  const auto flat = codec.lower_flat(layout, value);
  if (!flat) return;
  const auto lifted = codec.lift_flat(layout, *flat);
  if (!lifted || to_wave(type, *lifted) != to_wave(type, value)) std::abort();
}

void load_anything(const TypeRef& type, const Layout& layout, std::span<const uint8_t> bytes,
                   StringEncoding encoding) {
  ArrayMemory memory(encoding, kMemoryBytes);
  memory.set_bytes({bytes.begin(), bytes.end()});
  Codec codec{.memory = &memory, .budget_bytes = 1 << 24};
  const auto value = codec.load(layout, 0);
  if (value) static_cast<void>(to_wave(type, *value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto encoding = static_cast<StringEncoding>(data[0] % 3);
  const size_t type_bytes = std::min<size_t>(data[1], size - 2);
  Random choose_type(std::span(data + 2, type_bytes));
  const std::span<const uint8_t> rest(data + 2 + type_bytes, size - 2 - type_bytes);
  const TypeRef type = choose_type.type();
  const LayoutRef layout = layout_of(type);
  Random choose_value(rest);
  round_trip(type, *layout, choose_value, encoding);
  load_anything(type, *layout, rest, encoding);
  return 0;
}
