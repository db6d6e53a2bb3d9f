// Appends what core modules are made of to bytes: numbers, names, instructions, types, sections.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core_binary.h"
#include "engine/engine.h"

namespace wattle::engine {

using Bytes = std::vector<uint8_t>;

inline constexpr uint8_t kModuleHeader[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};

void put(Bytes& out, std::span<const uint8_t> bytes);
void put(Bytes& out, std::initializer_list<uint8_t> bytes);
void put_u64(Bytes& out, uint64_t value);  // LEB128 without a sign
void put_name(Bytes& out, std::string_view name);
void put_section(Bytes& out, SectionId id, std::span<const uint8_t> content);

uint8_t encoding_of(CoreType type);
void put_signature(Bytes& out, const Signature& signature);
void put_memory(Bytes& out, const CoreMemory& memory);

void put_i32_constant(Bytes& out, int32_t value);
// An instruction with one index: local.get, call, ...
void put_indexed(Bytes& out, uint8_t opcode, uint64_t index);
// An opcode as Instruction has it.
void put_opcode(Bytes& out, uint32_t opcode);
// Traps as an access beyond memory 0 does, whatever its size.
void put_out_of_bounds(Bytes& out);
// A function without locals, as the code section has it; `instructions` without the last `end`.
void put_body(Bytes& out, std::span<const uint8_t> instructions);

// Items of a section, or those that come after a section's own.
struct CountedItems {
  uint32_t count = 0;
  Bytes items;

  Bytes content() const;  // of a section with these
};

// Function types, each once, from index `first` on.
class FunctionTypes {
 public:
  explicit FunctionTypes(uint32_t first = 0) : first_(first) {}
  uint32_t index_of(const Signature& signature);
  const CountedItems& items() const { return items_; }

 private:
  uint32_t first_;
  CountedItems items_;
  std::map<Bytes, uint32_t> known_;
};

}  // namespace wattle::engine
