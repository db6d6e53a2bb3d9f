// Core modules from strangers: decoding, the walk over instructions, projecting and rewriting take any bytes.
// (V8 validates before rewriting; this does not rely on that.)
#include <algorithm>
#include <cstdint>
#include <set>
#include <span>

#include "engine/core_binary.h"
#include "engine/rewrite.h"
#include "engine/scan.h"

namespace {

using namespace wattle::engine;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

// What a module says cannot make its rewriting grow out of proportion. An instruction on another memory than
// 0 has three bytes at least; it becomes up to 32, one import, one type. A segment has four, and becomes 50
// of the start function.
size_t most_bytes(const CoreModule& module, size_t size) {
  const size_t growth = module.memories.size() > 1 ? 40 : 2;
  return growth * size + 40 * module.globals.size() + 1024;
}

bool has_each_section_once(const CoreModule& module) {
  std::set<SectionId> seen;
  return std::all_of(module.sections.begin(), module.sections.end(), [&](const Section& section) {
    return section.id == SectionId::custom || seen.insert(section.id).second;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto module = decode_core_module({data, size});
  if (!module) return 0;
  (void)changes_only_memory_and_globals(*module);
  const Rewritten rewritten = rewrite(*module);
  check(rewritten.bytes.size() <= most_bytes(*module, size));
  (void)decode_core_module(rewritten.bytes);
  check(rewritten.memories.has_value() == (module->memories.size() > 1));
  if (!rewritten.memories) return 0;
  auto projection = project_to_one_memory(*module);
  if (!projection) return 0;
  // It still parses, and has all else.
  auto projected = decode_core_module(*projection);
  check(projected && projected->memories.size() <= module->memories.size());
  check(projected->functions == module->functions && projected->exports.size() == module->exports.size());
  if (has_each_section_once(*module)) check(projected->memories.size() == 1);
  return 0;
}
