// Modules with more than one memory, for a V8 that lets a module have one.
//
// Whether such a module is valid V8 tells of its projection: the same module with memory 0 only, and whatever
// names another memory naming that one. All memories being alike to validation, one is valid if the other is,
// and what is wrong with the other memories is found while projecting.
//
// To run, memory 0 stays in the module. What is done to any other becomes a call of an imported function:
// memory_access.h has those of one instruction; what two memories, or a memory and a data segment, are needed
// for is a BulkOperation, and the store's. Imported functions come first, so the indices of all others move.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "engine/core_binary.h"
#include "engine/core_writer.h"

namespace wattle::engine {

inline constexpr uint32_t kMostMemories = 100;  // in one module

// Precondition: decode_core_module gave `module`. Refuses, with malformed or invalid, what makes the module
// invalid and cannot be seen in its projection.
Result<Bytes> project_to_one_memory(const CoreModule& module);

struct BulkOperation {
  enum class Kind : uint8_t {
    copy,  // memory.copy from memory `source` to memory `target`
    init,  // memory.init from segment `source` to memory `target`
    drop,  // data.drop of segment `source`
  };
  Kind kind = Kind::copy;
  uint32_t target = 0;
  uint32_t source = 0;

  friend auto operator<=>(const BulkOperation&, const BulkOperation&) = default;
};

// What the store has to know of a module with more than one memory.
struct MemoryFacts {
  // By memory: the module that functions for it are imported from; empty: none are. All belong to the access
  // module.
  std::vector<std::string> access_imports;
  // The module that "" is imported from, a function that does an operation: (i32, i32, i32, i32) -> (i32). It
  // takes the instruction's operands and a position in `operations`; 0 means out of bounds, and nothing was
  // done. Empty: not needed.
  std::string operate_import;
  std::vector<BulkOperation> operations;
  std::vector<Bytes> segments;            // by index; empty where no operation needs them
  std::vector<uint32_t> export_memories;  // by position in the module's exports: memories only
};

// How a module changes. Contents of sections, where there, take the place of the module's own.
struct MemoryRewriting {
  struct Import {
    std::string module, name;
    Signature signature;
  };
  struct Function {
    Signature signature;
    Bytes instructions;
  };
  MemoryFacts facts;
  std::array<std::optional<Bytes>, kSectionIds> contents;
  std::vector<Import> imports;      // of functions, to come after the module's own
  std::vector<Function> functions;  // to come after all others
};

// Precondition: the module has more than one memory, and its projection is valid. Otherwise the outcome is of
// no use, as with rewrite(). New imports come from modules whose names begin with `reserved_module`.
MemoryRewriting rewrite_memories(const CoreModule& module, std::string_view reserved_module);

}  // namespace wattle::engine
