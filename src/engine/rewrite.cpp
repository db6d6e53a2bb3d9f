#include "engine/rewrite.h"

#include <algorithm>
#include <array>

#include "engine/byte_reader.h"
#include "engine/core_writer.h"

namespace wattle::engine {
namespace {

// A reserved name that the module does not use itself.
template <class Items, class Uses>
std::string unused_name(std::string name, const Items& items, Uses uses) {
  while (std::any_of(items.begin(), items.end(), [&](const auto& item) { return uses(item, name); })) {
    name += '\'';
  }
  return name;
}

void put_zero(Bytes& out, CoreType type) {
  switch (type) {
    case CoreType::i32:
      out.insert(out.end(), {0x41, 0});
      break;
    case CoreType::i64:
      out.insert(out.end(), {0x42, 0});
      break;
    case CoreType::f32:
      out.push_back(0x43);
      out.insert(out.end(), 4, 0);
      break;
    case CoreType::f64:
      out.push_back(0x44);
      out.insert(out.end(), 8, 0);
      break;
    case CoreType::v128:
      out.insert(out.end(), {0xfd, 12});
      out.insert(out.end(), 16, 0);
      break;
    case CoreType::funcref:
    case CoreType::externref:
      out.insert(out.end(), {0xd0, encoding_of(type)});
      break;
  }
  out.push_back(0x0b);
}

class Rewriter {
 public:
  explicit Rewriter(const CoreModule& module)
      : module_(module), types_(static_cast<uint32_t>(module.types.size())) {}

  Rewritten run() {
    size_t expected = 4096;  // what is added is small
    for (const Section& section : module_.sections) expected += section.bytes.size() + 6;
    result_.bytes.reserve(expected);
    if (module_.memories.size() > 1) several_memories();
    import_memory();
    shadow_globals();
    addition(SectionId::type) = types_.items();
    put(result_.bytes, kModuleHeader);
    using enum SectionId;
    for (SectionId id :  // the store makes the memories
         {type, import, function, table, tag, global, export_, start, element, data_count, code, data}) {
      section(id);
    }
    if (!result_.memories) names();
    return std::move(result_);
  }

 private:
  CountedItems& addition(SectionId id) { return additions_[static_cast<size_t>(id)]; }

  void several_memories() {
    MemoryRewriting rewriting = rewrite_memories(module_, kReservedModule);
    contents_ = std::move(rewriting.contents);
    imported_functions_ = static_cast<uint32_t>(rewriting.imports.size());
    CountedItems& imports = addition(SectionId::import);
    for (const auto& import : rewriting.imports) {
      put_name(imports.items, import.module);
      put_name(imports.items, import.name);
      put_indexed(imports.items, 0, types_.index_of(import.signature));
      ++imports.count;
    }
    for (const auto& function : rewriting.functions) add_function(function.signature, function.instructions);
    result_.memories = std::move(rewriting.facts);
  }

  void import_memory() {
    if (module_.memories.empty() || !module_.memory_imports.empty()) return;
    result_.memory_import =
        unused_name("memory", module_.imports, [](const ModuleImport& item, const auto& name) {
          return item.module == kReservedModule && item.name == name;
        });
    CountedItems& imports = addition(SectionId::import);
    ++imports.count;
    put_name(imports.items, kReservedModule);
    put_name(imports.items, result_.memory_import);
    imports.items.push_back(2);
    put_memory(imports.items, module_.memories.front());
  }

  void shadow_globals() {
    std::vector<uint32_t> own;
    for (size_t index = module_.imported_globals; index < module_.globals.size(); ++index) {
      if (module_.globals[index].is_mutable) own.push_back(static_cast<uint32_t>(index));
    }
    if (own.empty()) return;
    CountedItems& globals = addition(SectionId::global);
    Bytes save, restore;
    for (uint32_t index : own) {
      const uint32_t shadow = static_cast<uint32_t>(module_.globals.size()) + globals.count++;
      globals.items.push_back(encoding_of(module_.globals[index].type));
      globals.items.push_back(1);
      put_zero(globals.items, module_.globals[index].type);
      put_copy(save, index, shadow);
      put_copy(restore, shadow, index);
    }
    result_.save_export = export_function("wattle:save", save);
    result_.restore_export = export_function("wattle:restore", restore);
  }

  static void put_copy(Bytes& body, uint32_t from, uint32_t to) {
    put_indexed(body, 0x23, from);
    put_indexed(body, 0x24, to);
  }

  // Returns its index.
  uint64_t add_function(const Signature& signature, const Bytes& instructions) {
    CountedItems& functions = addition(SectionId::function);
    put_u64(functions.items, types_.index_of(signature));
    CountedItems& code = addition(SectionId::code);
    put_body(code.items, instructions);
    ++code.count;
    return module_.functions.size() + imported_functions_ + functions.count++;
  }

  // A function without parameters; returns the name it is exported by.
  std::string export_function(std::string name, const Bytes& instructions) {
    name = unused_name(std::move(name), module_.exports,
                       [](const ModuleExport& item, const auto& wanted) { return item.name == wanted; });
    CountedItems& exports = addition(SectionId::export_);
    put_name(exports.items, name);
    put_indexed(exports.items, 0, add_function({}, instructions));
    ++exports.count;
    return name;
  }

  // A section's content, as it is or as having several memories has changed it.
  std::optional<std::span<const uint8_t>> content(SectionId id) const {
    if (const auto& changed = contents_[static_cast<size_t>(id)]) return *changed;
    auto found = std::find_if(module_.sections.begin(), module_.sections.end(),
                              [&](const Section& section) { return section.id == id; });
    if (found == module_.sections.end()) return std::nullopt;
    return found->bytes;
  }

  void section(SectionId id) {
    const auto original = content(id);
    const CountedItems& added = addition(id);
    if (!original && added.count == 0) return;
    if (added.count == 0) return put_section(result_.bytes, id, *original);
    ByteReader reader(original.value_or(std::span<const uint8_t>()));
    const uint32_t count = original ? reader.u32() : 0;
    const auto items = original ? reader.take(reader.remaining()) : std::span<const uint8_t>();
    Bytes& out = result_.bytes;
    Bytes counted;
    put_u64(counted, uint64_t{count} + added.count);
    out.push_back(static_cast<uint8_t>(id));
    put_u64(out, counted.size() + items.size() + added.items.size());
    put(out, counted);
    put(out, items);
    put(out, added.items);
  }

  // Function names, for people who read traps.
  void names() {
    for (const Section& section : module_.sections) {
      if (section.id != SectionId::custom) continue;
      ByteReader reader(section.bytes);
      if (reader.name() != "name") continue;
      return put_section(result_.bytes, SectionId::custom, section.bytes);
    }
  }

  const CoreModule& module_;
  Rewritten result_;
  FunctionTypes types_;
  std::array<std::optional<Bytes>, kSectionIds> contents_;  // of sections that change other than by additions
  uint32_t imported_functions_ = 0;                         // that are added
  CountedItems additions_[kSectionIds];
};

}  // namespace

Rewritten rewrite(const CoreModule& module) {
  return Rewriter(module).run();
}

}  // namespace wattle::engine
