#include "pass_through.h"

#include "component/encoder.h"
#include "wit/layout.h"

namespace wattle::differential {

using component::ByteWriter;
using component::Encoder;
using component::InstanceTypeEncoder;
using component::Sort;
using wit::FlatType;

namespace {

constexpr uint8_t kI32 = 0x7f;

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
      whole.byte(kI32);
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

// Exports "memory" and "realloc".
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

// Imports "host" "f<i>" and "realloc", exports "pass<i>".
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

void declare_functions(InstanceTypeEncoder& host, const std::vector<wit::FunctionType>& functions) {
  for (size_t i = 0; i < functions.size(); i++) host.function(fmt::format("f{}", i), functions[i]);
}

}  // namespace

// The memory must exist before functions can be lowered with it, and the functions before the module can be
// instantiated: a module of its own owns memory and realloc, as real toolchains solve it with a table.
std::vector<uint8_t> pass_through(const std::vector<wit::FunctionType>& functions,
                                  component::StringEncoding encoding) {
  std::vector<wit::FunctionLayout> layouts;
  for (const auto& function : functions) layouts.push_back(wit::layout_of(function));
  InstanceTypeEncoder host;
  declare_functions(host, functions);
  Encoder encoder;
  const uint32_t import = encoder.import_instance(kHostInterface, host);
  const uint32_t memory_instance = encoder.core_instantiate(encoder.core_module(memory_module()), {});
  component::CanonicalOptions options;
  options.string_encoding = encoding;
  options.memory = encoder.alias_core_export(memory_instance, "memory", Sort::core_memory);
  options.realloc = encoder.alias_core_export(memory_instance, "realloc", Sort::core_function);
  std::vector<component::CoreInlineInstance::Export> lowered;
  for (size_t i = 0; i < functions.size(); i++) {
    const std::string name = fmt::format("f{}", i);
    const uint32_t function = encoder.alias_export(import, name, Sort::function);
    lowered.push_back({name, Sort::core_function, encoder.lower(function, options)});
  }
  lowered.push_back({"realloc", Sort::core_function, *options.realloc});
  const component::CoreInstantiate::Argument argument{"host", encoder.core_inline_instance(lowered)};
  const uint32_t instance =
      encoder.core_instantiate(encoder.core_module(pass_module(layouts)), {&argument, 1});
  for (size_t i = 0; i < functions.size(); i++) {
    const std::string name = fmt::format("pass{}", i);
    const uint32_t core = encoder.alias_core_export(instance, name, Sort::core_function);
    encoder.export_item(name, Sort::function, encoder.lift(core, options, functions[i]));
  }
  return encoder.finish();
}

std::vector<uint8_t> pass_through_chain(const std::vector<wit::FunctionType>& functions,
                                        std::span<const component::StringEncoding> encodings) {
  InstanceTypeEncoder host;
  declare_functions(host, functions);
  Encoder encoder;
  uint32_t provider = encoder.import_instance(kHostInterface, host);
  uint32_t link = provider;
  for (const component::StringEncoding encoding : encodings) {
    const component::Instantiate::Argument argument{kHostInterface, Sort::instance, provider};
    link = encoder.instantiate(encoder.component(pass_through(functions, encoding)), {&argument, 1});
    // What the next one imports has the names of types too.
    std::vector<component::InlineInstance::Export> offered;
    for (const auto& named : host.named_types())
      offered.push_back({named.name, Sort::type, encoder.define(named.type)});
    for (size_t i = 0; i < functions.size(); i++)
      offered.push_back({fmt::format("f{}", i), Sort::function,
                         encoder.alias_export(link, fmt::format("pass{}", i), Sort::function)});
    provider = encoder.inline_instance(offered);
  }
  for (size_t i = 0; i < functions.size(); i++) {
    const std::string name = fmt::format("pass{}", i);
    encoder.export_item(name, Sort::function, encoder.alias_export(link, name, Sort::function));
  }
  return encoder.finish();
}

}  // namespace wattle::differential
