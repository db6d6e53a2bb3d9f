#include "resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core_modules.h"
#include "pass_through.h"

namespace wattle::differential {

using component::CanonicalOptions;
using component::CanonResource;
using component::Encoder;
using component::InstanceTypeEncoder;
using component::Sort;
using wit::Kind;
using wit::TypeRef;

namespace {

// A copy of the type, in which `replace` says what becomes of handles.
TypeRef with_handles(const TypeRef& type, const std::function<TypeRef(const wit::Type&)>& replace) {
  if (type == nullptr) return nullptr;
  if (type->kind == Kind::own || type->kind == Kind::borrow) return replace(*type);
  wit::Type copy = *type;
  for (wit::Member& member : copy.members) member.type = with_handles(member.type, replace);
  return std::make_shared<const wit::Type>(std::move(copy));
}

TypeRef u32() {
  return wit::primitive(Kind::u32);
}

struct Lifted {
  std::string name;  // in the interface
  uint32_t function = 0;
  wit::FunctionType type;
};

// How many there are and what was dropped: apart from the rest, since a resource's destructor comes before
// all functions that use the resource.
std::vector<uint8_t> state_module() {
  constexpr uint32_t kLive = 0, kHistory = 1;
  Code born, dropped, live, history;
  born.global_get(kLive).constant(1).raw({0x6a}).global_set(kLive);
  dropped.global_get(kLive).constant(1).raw({0x6b}).global_set(kLive);
  dropped.global_get(kHistory).constant(31).raw({0x6c}).local_get(0).raw({0x6a}).global_set(kHistory);
  live.global_get(kLive);
  history.global_get(kHistory);
  return integer_module({},
                        {{"born", 0, 0, born.body(0)},
                         {"dropped", 1, 0, dropped.body(0)},
                         {"live", 0, 1, live.body(0)},
                         {"history", 0, 1, history.body(0)}},
                        2);
}

// What the resource can do.
std::vector<uint8_t> things_module() {
  constexpr uint32_t kNew = 0, kNumber = 1, kDrop = 2, kBorn = 3;  // imports
  Code construct, value, join, keep, take, consume;
  construct.call(kBorn).local_get(0).call(kNew);
  value.local_get(0);
  join.local_get(0).local_get(1).call(kNumber).raw({0x6a}).local_set(2);
  join.local_get(1).call(kDrop).call(kBorn).local_get(2).call(kNew);
  keep.local_get(0).global_set(0);
  take.global_get(0);
  consume.local_get(0).call(kNumber).local_get(0).call(kDrop);
  return integer_module({{"new", 1, 1, {}}, {"number", 1, 1, {}}, {"drop", 1, 0, {}}, {"born", 0, 0, {}}},
                        {{"construct", 1, 1, construct.body(0)},
                         {"value", 1, 1, value.body(0)},
                         {"join", 2, 1, join.body(1)},
                         {"keep", 1, 0, keep.body(0)},
                         {"take", 0, 1, take.body(0)},
                         {"consume", 1, 1, consume.body(0)}},
                        1);
}

// The component around the lifted functions that gives types their names, as wit-component makes one for each
// interface: it imports the types and functions and exports them again.
class InterfaceEncoder final : public Encoder {
 public:
  explicit InterfaceEncoder(const std::vector<Lifted>& functions) {
    const uint32_t imported = import_resource("import-type-thing", kThing);
    for (size_t i = 0; i < functions.size(); i++)
      functions_.push_back(import_function(fmt::format("import-function-{}", i), functions[i].type));
    exports_ = true;
    constexpr wit::ResourceId kExported = kThing + 1;
    bind(kExported, export_item("thing", Sort::type, imported));
    const auto exported = [](const TypeRef& type) {
      return with_handles(type, [](const wit::Type& handle) {
        return handle.kind == Kind::own ? wit::own_of(kExported) : wit::borrow_of(kExported);
      });
    };
    for (size_t i = 0; i < functions.size(); i++) {
      wit::FunctionType type = functions[i].type;
      for (wit::Member& parameter : type.parameters) parameter.type = exported(parameter.type);
      type.result = exported(type.result);
      export_function(functions[i].name, functions_[i], type);
      exported_types_.push_back(std::move(type));
    }
  }
  // Imported as "import-type-t0", "import-type-t1", ...
  const std::vector<TypeRef>& imported_types() const { return imported_types_; }

 protected:
  uint32_t name_type(const TypeRef& type, uint32_t index) override {
    if (exports_) return export_item(fmt::format("t{}", exported_count_++), Sort::type, index);
    imported_types_.push_back(type);
    return import_type(fmt::format("import-type-t{}", imported_types_.size() - 1), index);
  }

 private:
  bool exports_ = false;
  uint32_t exported_count_ = 0;
  std::vector<TypeRef> imported_types_;
  std::vector<uint32_t> functions_;
  std::vector<wit::FunctionType> exported_types_;  // kept: an encoder knows types by their address
};

void export_interface(Encoder& encoder, uint32_t thing, const std::vector<Lifted>& functions) {
  const InterfaceEncoder interface(functions);
  std::vector<component::Instantiate::Argument> arguments = {{"import-type-thing", Sort::type, thing}};
  for (const TypeRef& type : interface.imported_types())
    arguments.push_back(
        {fmt::format("import-type-t{}", arguments.size() - 1), Sort::type, encoder.define(type)});
  for (size_t i = 0; i < functions.size(); i++)
    arguments.push_back({fmt::format("import-function-{}", i), Sort::function, functions[i].function});
  const uint32_t instance = encoder.instantiate(encoder.component(interface.finish()), arguments);
  encoder.export_item(kThings, Sort::instance, instance);
}

// Core instances of one component, and what is lifted from them.
class Lifter {
 public:
  Lifter(Encoder& encoder, CanonicalOptions options) : encoder_(encoder), options_(std::move(options)) {}

  void lift(std::string_view name, uint32_t core_instance, std::string_view core_name,
            std::vector<wit::Member> parameters, TypeRef result) {
    const uint32_t core = encoder_.alias_core_export(core_instance, core_name, Sort::core_function);
    wit::FunctionType type{std::move(parameters), std::move(result)};
    const uint32_t function = encoder_.lift(core, options_, type);
    functions_.push_back({std::string(name), function, std::move(type)});
  }
  const std::vector<Lifted>& functions() const { return functions_; }

 private:
  Encoder& encoder_;
  CanonicalOptions options_;
  std::vector<Lifted> functions_;
};

uint32_t instantiate_with_host(Encoder& encoder, std::span<const uint8_t> module,
                               const std::vector<component::CoreInlineInstance::Export>& host) {
  const component::CoreInstantiate::Argument argument{"host", encoder.core_inline_instance(host)};
  return encoder.core_instantiate(encoder.core_module(module), {&argument, 1});
}

void lift_things(Lifter& lifter, uint32_t things, uint32_t state) {
  const TypeRef own = wit::own_of(kThing), borrow = wit::borrow_of(kThing);
  lifter.lift("[constructor]thing", things, "construct", {{"value", u32()}}, own);
  lifter.lift("[method]thing.value", things, "value", {{"self", borrow}}, u32());
  lifter.lift("[method]thing.join", things, "join", {{"self", borrow}, {"other", own}}, own);
  lifter.lift("[static]thing.keep", things, "keep", {{"it", own}}, nullptr);
  lifter.lift("[static]thing.take", things, "take", {}, own);
  lifter.lift("[static]thing.consume", things, "consume", {{"it", own}}, u32());
  lifter.lift("[static]thing.live", state, "live", {}, u32());
  lifter.lift("[static]thing.history", state, "history", {}, u32());
}

}  // namespace

TypeRef without_borrows(const TypeRef& type) {
  return with_handles(type, [](const wit::Type& handle) {
    return handle.kind == Kind::own ? wit::own_of(handle.resource) : u32();
  });
}

TypeRef without_handles(const TypeRef& type) {
  return with_handles(type, [](const wit::Type&) { return u32(); });
}

bool has_handle(const TypeRef& type) {
  if (type == nullptr) return false;
  if (type->kind == Kind::own || type->kind == Kind::borrow) return true;
  return std::any_of(type->members.begin(), type->members.end(),
                     [](const wit::Member& member) { return has_handle(member.type); });
}

std::vector<uint8_t> pass_things(const std::vector<TypeRef>& passed, component::StringEncoding encoding) {
  InstanceTypeEncoder host;
  std::vector<wit::FunctionLayout> layouts;
  std::vector<TypeRef> plain;  // kept: an encoder knows types by their address
  for (size_t i = 0; i < passed.size(); i++) {
    plain.push_back(without_handles(passed[i]));
    const wit::FunctionType type{{{"p0", plain[i]}}, plain[i]};
    layouts.push_back(wit::layout_of(type));
    host.function(fmt::format("f{}", i), type);
  }
  Encoder encoder;
  const uint32_t import = encoder.import_instance(kHostInterface, host);
  const uint32_t memory = encoder.core_instantiate(encoder.core_module(memory_module()), {});
  CanonicalOptions options;
  options.string_encoding = encoding;
  options.memory = encoder.alias_core_export(memory, "memory", Sort::core_memory);
  options.realloc = encoder.alias_core_export(memory, "realloc", Sort::core_function);

  std::vector<component::CoreInlineInstance::Export> lowered;
  for (size_t i = 0; i < passed.size(); i++) {
    const std::string name = fmt::format("f{}", i);
    const uint32_t function = encoder.alias_export(import, name, Sort::function);
    lowered.push_back({name, Sort::core_function, encoder.lower(function, options)});
  }
  lowered.push_back({"realloc", Sort::core_function, *options.realloc});
  const uint32_t passing = instantiate_with_host(encoder, pass_module(layouts), lowered);

  const uint32_t state = encoder.core_instantiate(encoder.core_module(state_module()), {});
  const uint32_t thing =
      encoder.resource(kThing, encoder.alias_core_export(state, "dropped", Sort::core_function));
  using Operation = CanonResource::Operation;
  const uint32_t things = instantiate_with_host(
      encoder, things_module(),
      {{"new", Sort::core_function, encoder.resource_builtin(Operation::create, thing)},
       {"number", Sort::core_function, encoder.resource_builtin(Operation::representation, thing)},
       {"drop", Sort::core_function, encoder.resource_builtin(Operation::drop, thing)},
       {"born", Sort::core_function, encoder.alias_core_export(state, "born", Sort::core_function)}});

  Lifter lifter(encoder, options);
  lift_things(lifter, things, state);
  for (size_t i = 0; i < passed.size(); i++) {
    const std::string name = fmt::format("pass{}", i);
    lifter.lift(name, passing, name, {{"p0", passed[i]}}, without_borrows(passed[i]));
  }
  export_interface(encoder, thing, lifter.functions());
  return encoder.finish();
}

}  // namespace wattle::differential
