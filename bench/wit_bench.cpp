// What crossing a memory costs: strings of 1 KiB in every pair of encodings, and a typical record through the
// codec.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "wit/codec.h"
#include "wit/strings.h"

namespace {

using namespace wattle::wit;

constexpr size_t kStringBytes = 1024;
constexpr size_t kMemoryBytes = 1 << 16;

// A guest whose realloc hands out one address after the other, until the benchmark starts over.
class BumpMemory final : public Memory {
 public:
  explicit BumpMemory(StringEncoding encoding) : encoding_(encoding) {}
  std::span<uint8_t> bytes() override { return bytes_; }
  StringEncoding string_encoding() const override { return encoding_; }
  wattle::Result<uint32_t> reallocate(uint32_t old_address, uint32_t old_bytes, uint32_t alignment,
                                      uint32_t new_bytes) override {
    if (old_bytes > 0 && new_bytes <= old_bytes) return old_address;
    uint32_t address = (next_ + alignment - 1) / alignment * alignment;
    next_ = address + new_bytes;
    return address;
  }
  void start_over() { next_ = 0; }

 private:
  StringEncoding encoding_;
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kMemoryBytes);
  uint32_t next_ = 0;
};

// Arguments: source encoding, target encoding, whether every eighth character is not ASCII.
void store_string(benchmark::State& state) {
  std::string text;
  while (text.size() < kStringBytes) text += state.range(2) != 0 ? "1234567\u00e9" : "12345678";
  BumpMemory source(static_cast<StringEncoding>(state.range(0)));
  const StringRange range = store_text(source, text_of(text)).value();
  BumpMemory target(static_cast<StringEncoding>(state.range(1)));
  for (auto _ : state) {
    target.start_over();
    const auto found = text_at(source.bytes(), source.string_encoding(), range);
    benchmark::DoNotOptimize(store_text(target, *found));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(store_string)->ArgsProduct({{0, 1, 2}, {0, 1, 2}, {0, 1}})->ArgNames({"from", "to", "mixed"});

void codec_record(benchmark::State& state) {
  const LayoutRef layout = layout_of(record_of({{"name", primitive(Kind::string)},
                                                {"age", option_of(primitive(Kind::u8))},
                                                {"scores", list_of(primitive(Kind::f64))}}));
  const Value value{Values{Value{std::string("Ada Lovelace")}, case_value(1, Value{uint8_t{36}}),
                           Value{Values{Value{1.0}, Value{2.0}, Value{3.0}, Value{4.0}}}}};
  BumpMemory memory(StringEncoding::utf8);
  for (auto _ : state) {
    memory.start_over();
    Codec codec{.memory = &memory};
    const auto address = memory.reallocate(0, 0, layout->alignment, layout->size);
    benchmark::DoNotOptimize(codec.store(*layout, value, *address));
    benchmark::DoNotOptimize(codec.load(*layout, *address));
  }
}
BENCHMARK(codec_record);

}  // namespace
