// Reads the component binary format and hands each definition to the validator.
//
// Clauses: component-model Binary.md, all of it; each function names its production.
#pragma once

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {

class Decoder {
 public:
  // component: a preamble and sections, to the end of `reader`.
  Result<std::shared_ptr<const Component>> decode_component(Reader reader);
  // Later features met so far.
  const std::set<std::string_view>& features() const { return validator_.features(); }

 private:
  Result<void> read_preamble(Reader& reader);
  Result<void> read_section(uint8_t id, Reader& section);
  template <class Read>
  Result<void> read_each(Reader& section, std::string_view what, Read read);

  // decoder.cpp
  Result<void> read_core_module(Reader& section);
  Result<void> read_nested_component(Reader& section);
  Result<void> read_core_instance(Reader& section);
  Result<void> read_instance(Reader& section);
  Result<void> read_inline_instance(Reader& section);
  Result<void> read_alias(Reader& section);
  Result<void> read_outer_alias(Reader& section, uint8_t sort, std::optional<uint8_t> core_sort);
  Result<void> read_import(Reader& section);
  Result<void> read_export(Reader& section);
  Result<Sort> read_extern_sort(Reader& section);
  Result<ExternLabel> read_label(Reader& section);
  Result<ExternDescriptor> read_descriptor(Reader& section);

  // decoder_types.cpp
  Result<void> read_core_type(Reader& section);
  Result<std::shared_ptr<const CoreModuleType>> read_module_type(Reader& section);
  Result<void> read_module_declaration(Reader& section, std::vector<CoreTypeEntry>& types,
                                       CoreModuleType& module);
  Result<void> read_type(Reader& section);
  Result<void> read_function_type(Reader& section, bool is_async);
  Result<void> read_component_type(Reader& section);
  Result<void> read_instance_type(Reader& section);
  Result<void> read_declaration(Reader& section, uint8_t kind);
  Result<void> read_resource_type(Reader& section);
  Result<void> read_defined_type(Reader& section, uint8_t code);
  Result<void> read_later_type(Reader& section, uint8_t code);
  Result<wit::TypeRef> read_value_type(Reader& section);
  Result<wit::TypeRef> read_optional_value_type(Reader& section);
  Result<std::vector<wit::Member>> read_labelled_types(Reader& section, std::string_view what);
  Result<std::vector<wit::Member>> read_cases(Reader& section);
  Result<std::vector<wit::Member>> read_label_list(Reader& section, uint32_t limit, std::string_view what);

  // decoder_canon.cpp
  struct Options {
    CanonicalOptions canonical;
    bool is_async = false;
    std::optional<uint32_t> callback;
  };
  Result<void> read_canonical(Reader& section);
  Result<void> read_lift(Reader& section);
  Result<void> read_lower(Reader& section);
  Result<Options> read_options(Reader& section);
  Result<void> read_option(Reader& section, uint8_t option, Options& options, std::string_view& encoding);
  Result<void> read_later_builtin(Reader& section, uint8_t code);
  Result<void> read_task_return(Reader& section);
  Result<void> read_context(Reader& section, std::string_view name, bool is_get);

  Validator validator_;
};

}  // namespace wattle::component
