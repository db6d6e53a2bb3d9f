// Linear memories: making them, and what V8 cannot do for a module that has several (see multi_memory.h).

#include <algorithm>
#include <cstring>

#include "engine/engine_state.h"
#include "engine/store_impl.h"

namespace wattle::engine {
namespace {

constexpr uint64_t kWasmPageBytes = 65536;

// What V8 checks of an imported memory that it sees.
Result<void> check_limits(const ModuleImport& import, const MemoryEntry& memory, const CoreMemory& declared) {
  if (memory.bytes / kWasmPageBytes < declared.minimum_pages) {
    return failure(ErrorCode::unlinkable,
                   "a core module does not link: the memory \"{}\" \"{}\" has {} pages, and must have {}",
                   import.module, import.name, memory.bytes / kWasmPageBytes, declared.minimum_pages);
  }
  if (memory.maximum_pages > declared.maximum_pages.value_or(UINT64_MAX)) {
    return failure(
        ErrorCode::unlinkable,
        "a core module does not link: the memory \"{}\" \"{}\" may grow to {} pages, and must stay "
        "below {}",
        import.module, import.name, memory.maximum_pages, *declared.maximum_pages);
  }
  return {};
}

bool fits(uint64_t begin, uint64_t count, uint64_t bytes) {
  return begin + count <= bytes;
}

bool copy(const MemoryEntry& target, uint64_t target_begin, const uint8_t* source, uint64_t source_begin,
          uint64_t source_bytes, uint64_t count) {
  if (!fits(source_begin, count, source_bytes) || !fits(target_begin, count, target.bytes)) return false;
  if (count > 0) std::memmove(target.base + target_begin, source + source_begin, count);
  return true;
}

// A HostCallback; see MemoryFacts::operate_import.
bool operate(void* context, CoreValue* values) {
  auto& self = *static_cast<MemoryOperations*>(context);
  const MemoryFacts& facts = *self.module->facts().several_memories;
  const BulkOperation& operation = facts.operations[values[3].u32];
  const auto& memories = self.store->memories;
  const MemoryEntry& target = memories[self.memories[operation.target]];
  bool is_done = true;
  switch (operation.kind) {
    case BulkOperation::Kind::copy: {
      const MemoryEntry& source = memories[self.memories[operation.source]];
      is_done = copy(target, values[0].u32, source.base, values[1].u32, source.bytes, values[2].u32);
      break;
    }
    case BulkOperation::Kind::init: {
      const Bytes& segment = facts.segments[operation.source];
      const size_t bytes = self.dropped[operation.source] ? 0 : segment.size();
      is_done = copy(target, values[0].u32, segment.data(), values[1].u32, bytes, values[2].u32);
      break;
    }
    case BulkOperation::Kind::drop:
      self.dropped[operation.source] = true;
      break;
  }
  values[0].u64 = is_done ? 1 : 0;
  return true;
}

}  // namespace

uint64_t Store::Impl::memory_bytes() const {
  uint64_t total = 0;
  for (const MemoryEntry& memory : memories) total += memory.bytes;
  return total;
}

Result<std::vector<uint32_t>> Store::Impl::memories_of(const ModuleImpl& module,
                                                       std::span<const Extern> imports) {
  const ModuleFacts& facts = module.facts();
  std::vector<uint32_t> all;
  for (size_t index = 0; index < imports.size(); ++index) {
    const ModuleImport& import = module.imports()[index];
    if (import.kind != ExternKind::memory) continue;
    const uint32_t memory = imports[index].index;
    if (!all.empty()) WATTLE_CHECK(check_limits(import, memories[memory], facts.memories[all.size()]));
    all.push_back(memory);
  }
  while (all.size() < facts.memories.size()) {
    WATTLE_TRY(const uint32_t made,
               make_memory(facts.memories[all.size()], module.options().max_memory_bytes));
    all.push_back(made);
  }
  return all;
}

Result<uint32_t> Store::Impl::make_memory(const CoreMemory& declared, uint64_t module_limit_bytes) {
  if (memories.size() >= options.max_instances) {
    return failure(ErrorCode::memory_exceeded, "a component may have {} memories, and wants more",
                   options.max_instances);
  }
  const uint64_t initial_bytes = declared.minimum_pages * kWasmPageBytes;
  if (initial_bytes > module_limit_bytes || memory_bytes() + initial_bytes > options.max_memory_bytes) {
    return failure(Error(ErrorCode::memory_exceeded,
                         fmt::format("the guest needs {} bytes of memory to begin with, and may have {}",
                                     memory_bytes() + initial_bytes,
                                     std::min(module_limit_bytes, options.max_memory_bytes)))
                       .with_remedy("raise the memory limit of the component"));
  }
  const uint64_t most_pages = std::max(
      declared.minimum_pages,
      std::min({declared.maximum_pages.value_or(65536), module_limit_bytes / kWasmPageBytes,
                options.max_memory_bytes / kWasmPageBytes, uint64_t{engine_options().max_memory_pages}}));
  v8::Isolate* v8_isolate = isolate.get();
  auto in_context = local(context);
  v8::Local<v8::Name> names[] = {to_string(v8_isolate, "initial"), to_string(v8_isolate, "maximum")};
  v8::Local<v8::Value> limits_of[] = {
      v8::Number::New(v8_isolate, static_cast<double>(declared.minimum_pages)),
      v8::Number::New(v8_isolate, static_cast<double>(most_pages))};
  v8::Local<v8::Value> descriptor = v8::Object::New(v8_isolate, v8::Null(v8_isolate), names, limits_of, 2);
  v8::TryCatch caught(v8_isolate);
  MemoryBudget* budget = exchange_thread_budget(nullptr);
  auto made = local(memory_constructor)->NewInstance(in_context, 1, &descriptor);
  exchange_thread_budget(budget);
  v8::Local<v8::Object> memory;
  if (!made.ToLocal(&memory)) {
    return failure(
        Error(ErrorCode::memory_exceeded,
              "no room for one more linear memory: " + exception_text(v8_isolate, caught))
            .with_remedy("each takes 10 GiB of the process's address space; run fewer instances in "
                         "one process"));
  }
  const uint32_t index = add_memory(memory.As<v8::WasmMemoryObject>());
  memories[index].maximum_pages = most_pages;
  return index;
}

Result<v8::Local<v8::Object>> Store::Impl::access_to(uint32_t memory, const ModuleImpl& access_module) {
  MemoryEntry& entry = memories[memory];
  if (!entry.access.IsEmpty()) return local(entry.access);
  v8::Isolate* v8_isolate = isolate.get();
  auto bare = [&](std::string_view name, v8::Local<v8::Value> value) {
    v8::Local<v8::Name> names[] = {to_string(v8_isolate, name)};
    return v8::Object::New(v8_isolate, v8::Null(v8_isolate), names, &value, 1);
  };
  WATTLE_TRY(auto functions_for_it,
             make_instance(access_module, bare("", bare("memory", local(entry.object)))));
  entry.access.Reset(v8_isolate, functions_for_it);
  return functions_for_it;
}

v8::Local<v8::Function> Store::Impl::make_operate(const ModuleImpl& module,
                                                  std::vector<uint32_t> memories_used) {
  const MemoryFacts& facts = *module.facts().several_memories;
  auto& operations = memory_operations.emplace_back(MemoryOperations{
      this, module.shared_from_this(), std::move(memories_used), std::vector<bool>(facts.segments.size())});
  const Signature signature{std::vector<CoreType>(4, CoreType::i32), {CoreType::i32}};
  return local(functions[make_host_function(signature, operate, &operations).index].function);
}

}  // namespace wattle::engine
