#include "engine/scan.h"

#include <vector>

#include "engine/byte_reader.h"
#include "engine/instruction.h"

namespace wattle::engine {
namespace {

// What one function body does.
struct BodyFacts {
  bool changes_tables_or_segments = false;
  std::vector<uint32_t> calls;  // functions called or referenced directly
};

// False: an instruction is not known or malformed.
bool scan_body(std::span<const uint8_t> body, BodyFacts& facts) {
  ByteReader reader(body);
  skip_locals(reader);
  Instruction instruction;
  while (reader.ok() && !reader.at_end()) {
    read_instruction(reader, instruction);
    switch (instruction.kind) {
      case Instruction::Kind::function:
        facts.calls.push_back(instruction.index);
        break;
      case Instruction::Kind::changes_tables:
      case Instruction::Kind::data_drop:
        facts.changes_tables_or_segments = true;
        break;
      default:
        break;
    }
  }
  return reader.ok();
}

bool scan_bodies(const CoreModule& module, std::vector<BodyFacts>& bodies) {
  for (const Section& section : module.sections) {
    if (section.id != SectionId::code) continue;
    ByteReader reader(section.bytes);
    uint32_t count = reader.u32();
    if (count != module.functions.size() - module.imported_functions) return false;
    bodies.resize(count);
    for (uint32_t index = 0; index < count; ++index) {
      auto body = reader.take(reader.u32());
      if (!reader.ok() || !scan_body(body, bodies[index])) return false;
    }
  }
  return true;
}

}  // namespace

bool changes_only_memory_and_globals(const CoreModule& module) {
  std::vector<BodyFacts> bodies;
  if (!scan_bodies(module, bodies)) return false;
  std::vector<uint32_t> pending = module.exported_functions;
  for (const Section& section : module.sections) {
    auto references = function_references(section);
    if (!references) return false;
    for (const FunctionReference& reference : *references) pending.push_back(reference.function);
  }
  std::vector<bool> seen(bodies.size());
  while (!pending.empty()) {
    uint32_t function = pending.back();
    pending.pop_back();
    if (function < module.imported_functions) continue;
    uint32_t index = function - module.imported_functions;
    if (index >= bodies.size() || seen[index]) continue;
    seen[index] = true;
    if (bodies[index].changes_tables_or_segments) return false;
    pending.insert(pending.end(), bodies[index].calls.begin(), bodies[index].calls.end());
  }
  return true;
}

}  // namespace wattle::engine
