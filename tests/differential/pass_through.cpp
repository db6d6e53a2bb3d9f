#include "pass_through.h"

#include "core_modules.h"

namespace wattle::differential {

using component::Encoder;
using component::InstanceTypeEncoder;
using component::Sort;

namespace {

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
