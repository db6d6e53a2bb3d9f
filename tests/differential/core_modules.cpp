#include "core_modules.h"

#include <fmt/format.h>

namespace wattle::differential {

using wit::FlatType;

namespace {

constexpr uint8_t kI32 = 0x7f;

void write_flat(ByteWriter& out, const std::vector<FlatType>& types) {
  out.u32(static_cast<uint32_t>(types.size()));
  for (const FlatType type : types) out.byte(static_cast<uint8_t>(kI32 - static_cast<uint8_t>(type)));
}

// realloc: takes from a growing end, never gives back.
ByteWriter realloc_body() {
  constexpr uint32_t kOld = 0, kOldSize = 1, kAlign = 2, kNewSize = 3, kResult = 4;
  Code code;
  // result = (end + align - 1) & -align; end = result + new size
  code.global_get(0).local_get(kAlign).raw({0x6a}).constant(1).raw({0x6b});
  code.constant(0).local_get(kAlign).raw({0x6b, 0x71}).local_tee(kResult);
  code.local_get(kNewSize).raw({0x6a}).global_set(0);
  // if end > memory.size * 64 KiB: memory.grow(new size / 64 KiB + 1)
  code.global_get(0).raw({0x3f, 0x00}).constant(16).raw({0x74, 0x4b, 0x04, 0x40});
  code.local_get(kNewSize).constant(16).raw({0x76}).constant(1).raw({0x6a, 0x40, 0x00, 0x1a, 0x0b});
  // memory.copy(result, old, min(old size, new size))
  code.local_get(kResult).local_get(kOld);
  code.local_get(kOldSize).local_get(kNewSize).local_get(kOldSize).local_get(kNewSize).raw({0x49, 0x1b});
  code.raw({0xfc, 0x0a, 0x00, 0x00}).local_get(kResult);
  return code.body(1);
}

// Calls import `function` with the parameters as they are; a result in memory gets room from realloc.
ByteWriter pass_body(const wit::FunctionLayout& layout, uint32_t function, uint32_t realloc) {
  const auto parameters = static_cast<uint32_t>(layout.lifted_parameters.size());
  Code code;
  if (layout.result_in_memory) {
    code.constant(0).constant(0).constant(layout.result->alignment).constant(layout.result->size);
    code.call(realloc).local_set(parameters);
  }
  for (uint32_t i = 0; i < parameters; i++) code.local_get(i);
  if (layout.result_in_memory) code.local_get(parameters);
  code.call(function);
  if (layout.result_in_memory) code.local_get(parameters);
  return code.body(layout.result_in_memory ? 1 : 0);
}

void write_realloc_type(ByteWriter& types) {
  types.byte(0x60);
  write_flat(types, {FlatType::i32, FlatType::i32, FlatType::i32, FlatType::i32});
  write_flat(types, {FlatType::i32});
}

ByteWriter module_header() {
  ByteWriter module;
  for (const uint8_t byte : {0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00}) module.byte(byte);
  return module;
}

}  // namespace

std::vector<uint8_t> memory_module() {
  ByteWriter types, functions, memory, global, exports, code;
  types.u32(1);
  write_realloc_type(types);
  for (const uint8_t byte : {0x01, 0x00}) functions.byte(byte);
  for (const uint8_t byte : {0x01, 0x00, 0x01}) memory.byte(byte);
  // The end of used memory starts at 16: no value has address 0.
  for (const uint8_t byte : {0x01, 0x7f, 0x01, 0x41, 0x10, 0x0b}) global.byte(byte);
  exports.u32(2);
  exports.name("memory");
  exports.byte(0x02);
  exports.u32(0);
  exports.name("realloc");
  exports.byte(0x00);
  exports.u32(0);
  code.u32(1);
  code.block(realloc_body().bytes());
  ByteWriter module = module_header();
  module.section(1, types);
  module.section(3, functions);
  module.section(5, memory);
  module.section(6, global);
  module.section(7, exports);
  module.section(10, code);
  return module.bytes();
}

std::vector<uint8_t> pass_module(const std::vector<wit::FunctionLayout>& layouts) {
  const auto count = static_cast<uint32_t>(layouts.size());
  ByteWriter types, imports, functions, exports, code;
  types.u32(1 + 2 * count);
  write_realloc_type(types);
  imports.u32(1 + count);
  functions.u32(count);
  exports.u32(count);
  code.u32(count);
  for (uint32_t i = 0; i < count; i++) {
    types.byte(0x60);
    write_flat(types, layouts[i].lowered_parameters);
    write_flat(types, layouts[i].lowered_results);
    types.byte(0x60);
    write_flat(types, layouts[i].lifted_parameters);
    write_flat(types, layouts[i].lifted_results);
    imports.name("host");
    imports.name(fmt::format("f{}", i));
    imports.byte(0x00);
    imports.u32(1 + 2 * i);
    functions.u32(2 + 2 * i);
    exports.name(fmt::format("pass{}", i));
    exports.byte(0x00);
    exports.u32(count + 1 + i);
    code.block(pass_body(layouts[i], i, count).bytes());
  }
  imports.name("host");
  imports.name("realloc");
  imports.byte(0x00);
  imports.u32(0);
  ByteWriter module = module_header();
  module.section(1, types);
  module.section(2, imports);
  module.section(3, functions);
  module.section(7, exports);
  module.section(10, code);
  return module.bytes();
}

std::vector<uint8_t> integer_module(const std::vector<IntegerFunction>& imports,
                                    const std::vector<IntegerFunction>& exports, uint32_t globals) {
  ByteWriter types, imported, functions, global, exported, code;
  const auto imports_count = static_cast<uint32_t>(imports.size());
  const auto exports_count = static_cast<uint32_t>(exports.size());
  const auto write_type = [&](const IntegerFunction& function) {
    types.byte(0x60);
    write_flat(types, std::vector<FlatType>(function.parameters, FlatType::i32));
    write_flat(types, std::vector<FlatType>(function.results, FlatType::i32));
  };
  types.u32(imports_count + exports_count);
  imported.u32(imports_count);
  for (uint32_t i = 0; i < imports_count; i++) {
    write_type(imports[i]);
    imported.name("host");
    imported.name(imports[i].name);
    imported.byte(0x00);
    imported.u32(i);
  }
  functions.u32(exports_count);
  exported.u32(exports_count);
  code.u32(exports_count);
  for (uint32_t i = 0; i < exports_count; i++) {
    write_type(exports[i]);
    functions.u32(imports_count + i);
    exported.name(exports[i].name);
    exported.byte(0x00);
    exported.u32(imports_count + i);
    code.block(exports[i].body.bytes());
  }
  global.u32(globals);
  for (uint32_t i = 0; i < globals; i++)
    for (const uint8_t byte : {0x7f, 0x01, 0x41, 0x00, 0x0b}) global.byte(byte);
  ByteWriter module = module_header();
  module.section(1, types);
  module.section(2, imported);
  module.section(3, functions);
  module.section(6, global);
  module.section(7, exported);
  module.section(10, code);
  return module.bytes();
}

}  // namespace wattle::differential
