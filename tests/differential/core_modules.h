// Core modules of the components that are made here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "component/encoder.h"
#include "wit/layout.h"

namespace wattle::differential {

using component::ByteWriter;

// Instructions of core WebAssembly, as far as they are needed here.
class Code {
 public:
  Code& local_get(uint32_t index) { return with_index(0x20, index); }
  Code& local_set(uint32_t index) { return with_index(0x21, index); }
  Code& local_tee(uint32_t index) { return with_index(0x22, index); }
  Code& global_get(uint32_t index) { return with_index(0x23, index); }
  Code& global_set(uint32_t index) { return with_index(0x24, index); }
  Code& call(uint32_t function) { return with_index(0x10, function); }
  Code& constant(uint32_t value) {
    out_.byte(0x41);
    out_.signed_leb(static_cast<int32_t>(value));
    return *this;
  }
  Code& raw(std::initializer_list<uint8_t> bytes) {
    for (const uint8_t byte : bytes) out_.byte(byte);
    return *this;
  }
  // A body with `locals` i32 locals.
  ByteWriter body(uint32_t locals) const {
    ByteWriter whole;
    whole.u32(locals == 0 ? 0 : 1);
    if (locals != 0) {
      whole.u32(locals);
      whole.byte(0x7f);
    }
    whole.raw(out_.bytes());
    whole.byte(0x0b);
    return whole;
  }

 private:
  Code& with_index(uint8_t opcode, uint32_t index) {
    out_.byte(opcode);
    out_.u32(index);
    return *this;
  }
  ByteWriter out_;
};

// Exports "memory" and "realloc".
std::vector<uint8_t> memory_module();

// Imports "host" "f<i>" and "realloc", exports "pass<i>", which calls the one with what it is given.
std::vector<uint8_t> pass_module(const std::vector<wit::FunctionLayout>& layouts);

// A function of i32s only.
struct IntegerFunction {
  std::string name;
  uint32_t parameters = 0, results = 0;
  ByteWriter body;  // exports only
};
// Imports from "host", exports, and mutable globals of its own that are 0 at first.
std::vector<uint8_t> integer_module(const std::vector<IntegerFunction>& imports,
                                    const std::vector<IntegerFunction>& exports, uint32_t globals);

}  // namespace wattle::differential
