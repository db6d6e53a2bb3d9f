// Making stores, and everything in them.

#include <algorithm>
#include <utility>

#include "engine/compile.h"
#include "engine/engine_state.h"
#include "engine/rewrite.h"
#include "engine/store_impl.h"
#include "engine/trap_message.h"

namespace wattle::engine {
namespace {

// Tables are in V8's heap, each of up to EngineOptions::max_table_elements elements.
constexpr uint32_t kMostTables = 200;
constexpr size_t kMostHeapBytes = size_t{256} << 20;

bool is_scalar(CoreType type) {
  return type <= CoreType::f64;
}

std::string_view name_of(ExternKind kind) {
  constexpr std::string_view kNames[] = {"function", "table", "memory", "global", "tag"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace

void leave_isolate(Store::Impl& store);  // scope.cpp

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Store::Impl::~Impl() {
  if (isolate == nullptr) return;
  // If the owner has ended, so has its hold on the isolate, and nothing can be given back in its name.
  const bool on_owner = hold != nullptr && hold->owner == std::this_thread::get_id();
  if (on_owner) release();
  pristine.reset();
  functions.clear();
  memories.clear();
  values.clear();
  instances.clear();
  instance_constructor.Reset();
  memory_constructor.Reset();
  poll.Reset();
  context.Reset();
}

void Store::Impl::release() {
  if (hold == nullptr) return;
  enter_isolate();
  local(context)->Exit();
  leave_isolate(*this);
  isolate->Enter();
  std::destroy_at(std::exchange(hold, nullptr));
}

void Store::release() {
  impl_->release();
}

Result<std::unique_ptr<Store>> Store::create(const StoreOptions& options) {
  if (!started()) return failure(not_started());
  auto impl = std::make_unique<Impl>(options);
  WATTLE_CHECK(impl->initialize());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Result<void> Store::Impl::initialize() {
  isolate = make_isolate(kMostHeapBytes);
  isolate->AddNearHeapLimitCallback(heap_is_full, this);
  v8::Locker lock(isolate.get());
  v8::Isolate::Scope entered_here(isolate.get());
  isolate->SetStackLimit(current_stack_limit());
  isolate->SetWasmStreamingCallback(feed_stream);
  v8::HandleScope handles(isolate.get());
  auto new_context = v8::Context::New(isolate.get());
  if (new_context.IsEmpty()) return failure(ErrorCode::internal, "V8 could not make a context");
  context.Reset(isolate.get(), new_context);
  v8::Context::Scope in_context(new_context);
  instance_constructor.Reset(isolate.get(), web_assembly_function(new_context, "Instance"));
  memory_constructor.Reset(isolate.get(), web_assembly_function(new_context, "Memory"));
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> function;
  // The second line keeps traps cheap: nobody reads V8's stack traces.
  if (!v8::Script::Compile(new_context,
                           to_string(isolate.get(), "Error.stackTraceLimit = 0; (function() {})"))
           .ToLocal(&script) ||
      !script->Run(new_context).ToLocal(&function)) {
    return failure(ErrorCode::internal, "V8 could not run its first script");
  }
  poll.Reset(isolate.get(), function.As<v8::Function>());
  return {};
}

uint32_t Store::Impl::add_function(v8::Local<v8::Function> function, const Signature& signature) {
  const bool callable = std::all_of(signature.parameters.begin(), signature.parameters.end(), is_scalar) &&
                        std::all_of(signature.results.begin(), signature.results.end(), is_scalar);
  functions.push_back({v8::Global<v8::Function>(isolate.get(), function), signature, callable});
  return static_cast<uint32_t>(functions.size() - 1);
}

uint32_t Store::Impl::add_memory(v8::Local<v8::WasmMemoryObject> memory) {
  for (uint32_t index = 0; index < memories.size(); ++index) {
    if (local(memories[index].object) == memory) return index;
  }
  auto buffer = memory->Buffer();
  memories.push_back({v8::Global<v8::WasmMemoryObject>(isolate.get(), memory),
                      static_cast<uint8_t*>(buffer->GetBackingStore()->Data()), buffer->ByteLength()});
  return static_cast<uint32_t>(memories.size() - 1);
}

uint32_t Store::Impl::add_value(v8::Local<v8::Value> value) {
  values.emplace_back(isolate.get(), value);
  return static_cast<uint32_t>(values.size() - 1);
}

Result<v8::Local<v8::Value>> Store::Impl::value_of(Extern item, const ModuleImport& import) {
  if (item.kind != import.kind) {
    return failure(ErrorCode::unlinkable, "the core import \"{}\" \"{}\" is a {}, and was given a {}",
                   import.module, import.name, name_of(import.kind), name_of(item.kind));
  }
  const size_t known = item.kind == ExternKind::function ? functions.size()
                       : item.kind == ExternKind::memory ? memories.size()
                                                         : values.size();
  if (item.index >= known) {
    return failure(ErrorCode::internal, "the core import \"{}\" \"{}\" is not of this store", import.module,
                   import.name);
  }
  switch (item.kind) {
    case ExternKind::function:
      return v8::Local<v8::Value>(local(functions[item.index].function));
    case ExternKind::memory:
      return v8::Local<v8::Value>(local(memories[item.index].object));
    default:
      return local(values[item.index]);
  }
}

// {module: {name: value}}. No object has a prototype, so no name means anything by itself. `memories`: takes
// where the instance's memories are.
Result<v8::Local<v8::Object>> Store::Impl::import_object(const ModuleImpl& module,
                                                         std::span<const Extern> imports,
                                                         std::vector<uint32_t>& memories_used) {
  v8::Isolate* v8_isolate = isolate.get();
  auto in_context = local(context);
  auto bare = [&] { return v8::Object::New(v8_isolate, v8::Null(v8_isolate), nullptr, nullptr, 0); };
  v8::Local<v8::Object> all = bare();
  auto put = [&](std::string_view of, std::string_view name, v8::Local<v8::Value> value) {
    auto key = to_string(v8_isolate, of);
    v8::Local<v8::Object> group;
    if (all->HasOwnProperty(in_context, key).FromMaybe(false)) {
      group = all->Get(in_context, key).ToLocalChecked().As<v8::Object>();
    } else {
      group = bare();
      all->CreateDataProperty(in_context, key, group).Check();
    }
    group->CreateDataProperty(in_context, to_string(v8_isolate, name), value).Check();
  };
  for (size_t index = 0; index < imports.size(); ++index) {
    const ModuleImport& import = module.imports()[index];
    WATTLE_TRY(auto value, value_of(imports[index], import));
    put(import.module, import.name, value);
  }
  WATTLE_TRY(memories_used, memories_of(module, imports));
  const ModuleFacts& facts = module.facts();
  if (!facts.memory_import.empty()) {
    put(kReservedModule, facts.memory_import, local(memories[memories_used.front()].object));
  }
  if (!facts.several_memories) return all;
  for (size_t memory = 1; memory < memories_used.size(); ++memory) {
    const std::string& from = facts.several_memories->access_imports[memory];
    if (from.empty()) continue;
    WATTLE_TRY(auto functions_for_it, access_to(memories_used[memory], *facts.access));
    all->CreateDataProperty(in_context, to_string(v8_isolate, from), functions_for_it).Check();
  }
  if (const std::string& from = facts.several_memories->operate_import; !from.empty()) {
    put(from, "", make_operate(module, memories_used));
  }
  return all;
}

Result<InstanceHandle> Store::instantiate(const Module& module_interface, std::span<const Extern> imports) {
  Impl& store = *impl_;
  const auto& module = static_cast<const ModuleImpl&>(module_interface);
  if (imports.size() != module.imports().size()) {
    return failure(ErrorCode::internal, "a core module with {} imports was given {}", module.imports().size(),
                   imports.size());
  }
  if (store.instances.size() >= store.options.max_instances) {
    return failure(ErrorCode::overloaded, "a component may have {} core instances, and wants more",
                   store.options.max_instances);
  }
  if (store.tables + module.facts().tables > kMostTables) {
    return failure(ErrorCode::memory_exceeded, "a component may have {} tables, and wants more", kMostTables);
  }
  store.tables += module.facts().tables;
  if (store.find_reason_to_stop()) return failure(*store.stop);
  v8::Isolate* isolate = store.isolate.get();
  v8::HandleScope handles(isolate);
  std::vector<uint32_t> memories;
  WATTLE_TRY(v8::Local<v8::Object> given, store.import_object(module, imports, memories));
  WATTLE_TRY(v8::Local<v8::Object> exports, store.make_instance(module, given));
  InstanceEntry entry{v8::Global<v8::Object>(isolate, exports), module.shared_from_this(), {}, {}};
  entry.known_exports.resize(module.exports().size());
  if (module.facts().several_memories) entry.memories = std::move(memories);
  store.instances.push_back(std::move(entry));
  return InstanceHandle{static_cast<uint32_t>(store.instances.size() - 1)};
}

Result<v8::Local<v8::Object>> Store::Impl::make_instance(const ModuleImpl& module,
                                                         v8::Local<v8::Object> imports) {
  v8::Isolate* v8_isolate = isolate.get();
  auto in_context = local(context);
  v8::TryCatch caught(v8_isolate);
  WATTLE_TRY(auto code, module.code(in_context));
  v8::Local<v8::WasmModuleObject> module_object;
  if (!v8::WasmModuleObject::FromCompiledModule(v8_isolate, *code).ToLocal(&module_object)) {
    return failure(ErrorCode::internal, "V8 does not take its compiled code: {}",
                   exception_text(v8_isolate, caught));
  }
  v8::Local<v8::Value> arguments[] = {module_object, imports};
  v8::Local<v8::Object> instance;
  ++depth;
  auto made = local(instance_constructor)->NewInstance(in_context, 2, arguments);
  --depth;
  // V8 returns an empty object, not nothing, when a start function throws.
  if (!made.ToLocal(&instance) || caught.HasCaught()) {
    if (terminating || caught.HasTerminated()) return failure(call_failed(caught));
    broken = true;
    return failure(instantiation_error_of(exception_text(v8_isolate, caught)));
  }
  if (terminating && depth == 0) clear_termination();
  return instance->Get(in_context, to_string(v8_isolate, "exports")).ToLocalChecked().As<v8::Object>();
}

Result<Extern> Store::exported(InstanceHandle handle, std::string_view name) {
  Impl& store = *impl_;
  InstanceEntry& instance = store.instances[handle.index];
  const ModuleFacts& facts = instance.module->facts();
  auto found = facts.export_index.find(name);
  if (found == facts.export_index.end()) {
    return failure(ErrorCode::not_found, "the core instance exports nothing named \"{}\"", name);
  }
  auto& known = instance.known_exports[found->second];
  if (known) return *known;
  const ModuleExport& item = facts.exports[found->second];
  Extern result{item.kind, 0};
  if (item.kind == ExternKind::memory && facts.several_memories) {
    result.index = instance.memories[facts.several_memories->export_memories[found->second]];
    known = result;
    return result;
  }
  v8::HandleScope handles(store.isolate.get());
  auto value = local(instance.exports)
                   ->Get(local(store.context), to_string(store.isolate.get(), name))
                   .ToLocalChecked();
  switch (item.kind) {
    case ExternKind::function:
      result.index = store.add_function(value.As<v8::Function>(), item.signature);
      break;
    case ExternKind::memory:
      result.index = store.add_memory(value.As<v8::WasmMemoryObject>());
      break;
    default:
      result.index = store.add_value(value);
  }
  known = result;
  return result;
}

Result<FunctionHandle> Store::exported_function(InstanceHandle instance, std::string_view name) {
  WATTLE_TRY(Extern item, exported(instance, name));
  if (item.kind != ExternKind::function) {
    return failure(ErrorCode::invalid, "the core export \"{}\" is a {}, not a function", name,
                   name_of(item.kind));
  }
  return function(item);
}

void Store::set_options(const StoreOptions& options) {
  impl_->options = options;
}

FunctionHandle Store::function(Extern item) {
  return {item.index};
}

MemoryHandle Store::memory(Extern item) {
  return {item.index};
}

MemoryView Store::view(MemoryHandle memory) const {
  const MemoryEntry& entry = impl_->memories[memory.index];
  return {entry.base, entry.bytes};
}

}  // namespace wattle::engine
