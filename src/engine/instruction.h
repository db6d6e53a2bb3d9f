// Reads instructions one after the other: of a function's body, or of a constant expression. What they refer
// to in a module is told apart; what else they do is V8's business.
#pragma once

#include <cstdint>

#include "engine/byte_reader.h"

namespace wattle::engine {

struct Instruction {
  enum class Kind : uint8_t {
    other,
    function,        // call, return_call, ref.func: of function `index`
    access,          // a load, store or atomic operation, with all that follows `index`
    memory_size,     // these: on `memory`
    memory_grow,     //
    memory_fill,     //
    memory_copy,     // from `from_memory` to `memory`
    memory_init,     // from data segment `index` to `memory`
    data_drop,       // of data segment `index`
    changes_tables,  // table.set, .init, .copy, .fill, .grow, elem.drop
  };
  Kind kind = Kind::other;
  uint32_t opcode = 0;        // those with a prefix: the prefix, and their number in 16 bits
  size_t begin = 0, end = 0;  // its bytes, as positions of the reader

  // Only where the kind says so.
  uint32_t index = 0;
  uint32_t memory = 0;
  uint32_t from_memory = 0;
  uint32_t alignment = 0;  // as written, without the bit that says that a memory follows
  bool names_memory = false;
  uint64_t offset = 0;
  size_t offset_begin = 0, offset_end = 0;
  int lane = -1;  // of a vector; -1: none
};

inline constexpr uint32_t kEndOpcode = 0x0b;

// The next one. The reader fails where it is malformed or not known.
void read_instruction(ByteReader& reader, Instruction& instruction);

// Past the declarations of locals, which a body begins with.
void skip_locals(ByteReader& reader);

// The instructions of a constant expression, the one that ends it too.
template <class Visit>
void each_constant_instruction(ByteReader& reader, Visit visit) {
  Instruction instruction;
  do {
    read_instruction(reader, instruction);
    if (reader.ok()) visit(instruction);
  } while (reader.ok() && instruction.opcode != kEndOpcode);
}

}  // namespace wattle::engine
