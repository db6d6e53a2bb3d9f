#include "engine/rewrite.h"

#include <algorithm>

#include "engine/byte_reader.h"

namespace wattle::engine {
namespace {

using Bytes = std::vector<uint8_t>;

void put_u64(Bytes& out, uint64_t value) {
  do {
    uint8_t low = value & 0x7f;
    value >>= 7;
    out.push_back(value != 0 ? low | 0x80 : low);
  } while (value != 0);
}

void put_name(Bytes& out, std::string_view name) {
  put_u64(out, name.size());
  out.insert(out.end(), name.begin(), name.end());
}

void put(Bytes& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// A reserved name that the module does not use itself.
template <class Items, class Uses>
std::string unused_name(std::string name, const Items& items, Uses uses) {
  while (std::any_of(items.begin(), items.end(), [&](const auto& item) { return uses(item, name); })) {
    name += '\'';
  }
  return name;
}

uint8_t encoding_of(CoreType type) {
  switch (type) {
    case CoreType::i32:
      return 0x7f;
    case CoreType::i64:
      return 0x7e;
    case CoreType::f32:
      return 0x7d;
    case CoreType::f64:
      return 0x7c;
    case CoreType::v128:
      return 0x7b;
    case CoreType::funcref:
      return 0x70;
    case CoreType::externref:
      return 0x6f;
  }
  return 0;
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

// The additions to one section: `count` items, already encoded.
struct Addition {
  uint32_t count = 0;
  Bytes items;
};

class Rewriter {
 public:
  explicit Rewriter(const CoreModule& module) : module_(module) {}

  Rewritten run() {
    size_t expected = 4096;  // what is added is small
    for (const Section& section : module_.sections) expected += section.bytes.size() + 6;
    result_.bytes.reserve(expected);
    import_memory();
    shadow_globals();
    constexpr uint8_t kHeader[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    put(result_.bytes, kHeader);
    using enum SectionId;
    for (SectionId id : {type, import, function, table, memory, tag, global, export_, start, element,
                         data_count, code, data}) {
      if (id == memory && !result_.memory_import.empty()) continue;
      section(id);
    }
    names();
    return std::move(result_);
  }

 private:
  Addition& addition(SectionId id) { return additions_[static_cast<size_t>(id)]; }

  void import_memory() {
    if (!module_.memory) return;
    result_.memory_import =
        unused_name("memory", module_.imports, [](const ModuleImport& item, const auto& name) {
          return item.module == kReservedModule && item.name == name;
        });
    Addition& imports = addition(SectionId::import);
    imports.count = 1;
    put_name(imports.items, kReservedModule);
    put_name(imports.items, result_.memory_import);
    imports.items.push_back(2);
    imports.items.push_back(module_.memory->maximum_pages ? 1 : 0);
    put_u64(imports.items, module_.memory->minimum_pages);
    if (module_.memory->maximum_pages) put_u64(imports.items, *module_.memory->maximum_pages);
  }

  void shadow_globals() {
    std::vector<uint32_t> own;
    for (size_t index = module_.imported_globals; index < module_.globals.size(); ++index) {
      if (module_.globals[index].is_mutable) own.push_back(static_cast<uint32_t>(index));
    }
    if (own.empty()) return;
    Addition& globals = addition(SectionId::global);
    Bytes save, restore;
    for (uint32_t index : own) {
      const uint32_t shadow = static_cast<uint32_t>(module_.globals.size()) + globals.count++;
      globals.items.push_back(encoding_of(module_.globals[index].type));
      globals.items.push_back(1);
      put_zero(globals.items, module_.globals[index].type);
      put_copy(save, index, shadow);
      put_copy(restore, shadow, index);
    }
    Addition& types = addition(SectionId::type);
    types.count = 1;
    types.items = {0x60, 0, 0};
    result_.save_export = add_function("wattle:save", save);
    result_.restore_export = add_function("wattle:restore", restore);
  }

  static void put_copy(Bytes& body, uint32_t from, uint32_t to) {
    body.push_back(0x23);
    put_u64(body, from);
    body.push_back(0x24);
    put_u64(body, to);
  }

  // A function of the type that was added; returns the name it is exported by.
  std::string add_function(std::string name, const Bytes& instructions) {
    name = unused_name(std::move(name), module_.exports,
                       [](const ModuleExport& item, const auto& wanted) { return item.name == wanted; });
    Addition& functions = addition(SectionId::function);
    Addition& exports = addition(SectionId::export_);
    put_name(exports.items, name);
    exports.items.push_back(0);
    put_u64(exports.items, module_.functions.size() + functions.count);
    ++exports.count;
    put_u64(functions.items, module_.types.size());
    ++functions.count;
    Addition& code = addition(SectionId::code);
    put_u64(code.items, instructions.size() + 2);
    code.items.push_back(0);  // no locals
    put(code.items, instructions);
    code.items.push_back(0x0b);
    ++code.count;
    return name;
  }

  const Section* find(SectionId id) const {
    auto found = std::find_if(module_.sections.begin(), module_.sections.end(),
                              [&](const Section& section) { return section.id == id; });
    return found == module_.sections.end() ? nullptr : &*found;
  }

  void section(SectionId id) {
    const Section* original = find(id);
    const Addition& added = addition(id);
    if (original == nullptr && added.count == 0) return;
    Bytes& out = result_.bytes;
    out.push_back(static_cast<uint8_t>(id));
    if (added.count == 0) {
      put_u64(out, original->bytes.size());
      put(out, original->bytes);
      return;
    }
    ByteReader reader(original == nullptr ? std::span<const uint8_t>() : original->bytes);
    uint32_t count = original == nullptr ? 0 : reader.u32();
    auto items = original == nullptr ? std::span<const uint8_t>() : reader.take(reader.remaining());
    Bytes counted;
    put_u64(counted, uint64_t{count} + added.count);
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
      result_.bytes.push_back(0);
      put_u64(result_.bytes, section.bytes.size());
      put(result_.bytes, section.bytes);
      return;
    }
  }

  const CoreModule& module_;
  Rewritten result_;
  Addition additions_[14];
};

}  // namespace

Rewritten rewrite(const CoreModule& module) {
  return Rewriter(module).run();
}

}  // namespace wattle::engine
