#include "engine/core_binary.h"

#include <algorithm>

#include "engine/byte_reader.h"
#include "engine/instruction.h"

namespace wattle::engine {
namespace {

// V8's own limits are of this order; they keep hostile counts from allocating.
constexpr uint32_t kMostItems = 1'000'000;
constexpr uint32_t kMostTypes = 1'000;  // in one signature

Error malformed(std::string_view what) {
  return Error(ErrorCode::malformed, "the core module does not parse: " + std::string(what));
}

std::optional<CoreType> read_type(ByteReader& reader) {
  switch (reader.byte()) {
    case 0x7f:
      return CoreType::i32;
    case 0x7e:
      return CoreType::i64;
    case 0x7d:
      return CoreType::f32;
    case 0x7c:
      return CoreType::f64;
    case 0x7b:
      return CoreType::v128;
    case 0x70:
      return CoreType::funcref;
    case 0x6f:
      return CoreType::externref;
    default:
      reader.fail();
      return std::nullopt;
  }
}

uint32_t read_count(ByteReader& reader, uint32_t most = kMostItems) {
  uint32_t count = reader.u32();
  if (count > most || count > reader.remaining()) {
    reader.fail();
    return 0;
  }
  return count;
}

bool read_types(ByteReader& reader, std::vector<CoreType>& types) {
  uint32_t count = read_count(reader, kMostTypes);
  for (uint32_t index = 0; index < count && reader.ok(); ++index) {
    if (auto type = read_type(reader)) types.push_back(*type);
  }
  return reader.ok();
}

CoreMemory read_limits(ByteReader& reader) {
  uint8_t flags = reader.byte();
  if (flags > 7) reader.fail();
  CoreMemory limits;
  limits.is_shared = (flags & 2) != 0;
  limits.is_64 = (flags & 4) != 0;
  auto number = [&] { return limits.is_64 ? reader.u64() : reader.u32(); };
  limits.minimum_pages = number();
  if ((flags & 1) != 0) limits.maximum_pages = number();
  return limits;
}

class Decoder {
 public:
  explicit Decoder(CoreModule& module) : module_(module) {}

  bool section(const Section& section) {
    ByteReader reader(section.bytes);
    switch (section.id) {
      case SectionId::type:
        return each(reader, [&] { type(reader); });
      case SectionId::import:
        return each(reader, [&] { import(reader, section.bytes); });
      case SectionId::function:
        return each(reader, [&] { module_.functions.push_back(reader.u32()); });
      case SectionId::table:
        module_.tables = read_count(reader);
        return reader.ok();
      case SectionId::memory:
        return each(reader, [&] { module_.memories.push_back(read_limits(reader)); }) && reader.at_end();
      case SectionId::global:
        return each(reader, [&] { global(reader); });
      case SectionId::export_:
        return each(reader, [&] { export_item(reader); });
      case SectionId::start:
        module_.start = reader.u32();
        return reader.ok();
      default:
        return true;
    }
  }

 private:
  template <class Item>
  bool each(ByteReader& reader, Item item) {
    uint32_t count = read_count(reader);
    for (uint32_t index = 0; index < count && reader.ok(); ++index) item();
    return reader.ok();
  }

  void type(ByteReader& reader) {
    if (reader.byte() != 0x60) return reader.fail();
    Signature signature;
    if (read_types(reader, signature.parameters) && read_types(reader, signature.results)) {
      module_.types.push_back(std::move(signature));
    }
  }

  void import(ByteReader& reader, std::span<const uint8_t> section) {
    const size_t begin = reader.position();
    ModuleImport import{std::string(reader.name()), std::string(reader.name()), ExternKind::function, {}};
    switch (reader.byte()) {
      case 0:
        import.signature = signature_of_type(reader, reader.u32());
        break;
      case 1:
        import.kind = ExternKind::table;
        read_type(reader);
        read_limits(reader);
        break;
      case 2:
        import.kind = ExternKind::memory;
        module_.memories.push_back(read_limits(reader));
        module_.memory_imports.push_back(section.subspan(begin, reader.position() - begin));
        break;
      case 3: {
        import.kind = ExternKind::global;
        auto type = read_type(reader);
        bool is_mutable = reader.byte() == 1;
        if (type) module_.globals.push_back({*type, is_mutable});
        ++module_.imported_globals;
        break;
      }
      case 4:
        import.kind = ExternKind::tag;
        reader.byte();
        reader.u32();
        break;
      default:
        return reader.fail();
    }
    module_.imports.push_back(std::move(import));
  }

  Signature signature_of_type(ByteReader& reader, uint32_t type) {
    if (type >= module_.types.size()) {
      reader.fail();
      return {};
    }
    module_.functions.push_back(type);
    ++module_.imported_functions;
    return module_.types[type];
  }

  void global(ByteReader& reader) {
    auto type = read_type(reader);
    bool is_mutable = reader.byte() == 1;
    if (type) module_.globals.push_back({*type, is_mutable});
    each_constant_instruction(reader, [](const Instruction&) {});
  }

  void export_item(ByteReader& reader) {
    ModuleExport item{std::string(reader.name()), ExternKind::function, {}};
    uint8_t kind = reader.byte();
    uint32_t index = reader.u32();
    if (kind > 4) return reader.fail();
    item.kind = static_cast<ExternKind>(kind);
    if (item.kind == ExternKind::function) {
      if (index >= module_.functions.size() || module_.functions[index] >= module_.types.size()) {
        return reader.fail();
      }
      item.signature = module_.types[module_.functions[index]];
      module_.exported_functions.push_back(index);
    }
    module_.exports.push_back(std::move(item));
    module_.exported_indices.push_back(index);
  }

  CoreModule& module_;
};

class ReferenceFinder {
 public:
  explicit ReferenceFinder(std::span<const uint8_t> section) : reader_(section) {}

  std::optional<std::vector<FunctionReference>> find(SectionId id) {
    const uint32_t count = reader_.u32();
    for (uint32_t index = 0; index < count && reader_.ok(); ++index) {
      if (id == SectionId::element) {
        segment();
      } else {
        reader_.skip(2);  // a global's type
        expression();
      }
    }
    if (!reader_.ok()) return std::nullopt;
    return std::move(found_);
  }

 private:
  void segment() {
    const uint32_t flags = reader_.u32();
    if (flags > 7) return reader_.fail();
    const bool is_active = (flags & 1) == 0;
    const bool has_table_or_kind = (flags & 2) != 0;
    const bool has_expressions = (flags & 4) != 0;
    if (is_active && has_table_or_kind) reader_.u32();
    if (is_active) expression();
    if ((flags & 3) != 0) reader_.byte();  // element kind or type
    const uint32_t count = reader_.u32();
    for (uint32_t index = 0; index < count && reader_.ok(); ++index) {
      if (has_expressions) {
        expression();
      } else {
        const size_t begin = reader_.position();
        const uint32_t function = reader_.u32();
        found_.push_back({begin, reader_.position(), function});
      }
    }
  }

  void expression() {
    each_constant_instruction(reader_, [&](const Instruction& instruction) {
      if (instruction.kind != Instruction::Kind::function) return;
      found_.push_back({instruction.begin + 1, instruction.end, instruction.index});
    });
  }

  ByteReader reader_;
  std::vector<FunctionReference> found_;
};

}  // namespace

std::optional<std::vector<FunctionReference>> function_references(const Section& section) {
  if (section.id != SectionId::element && section.id != SectionId::global)
    return std::vector<FunctionReference>();
  return ReferenceFinder(section.bytes).find(section.id);
}

Result<CoreModule> decode_core_module(std::span<const uint8_t> bytes) {
  constexpr uint8_t kHeader[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  if (bytes.size() < sizeof kHeader || !std::equal(kHeader, kHeader + sizeof kHeader, bytes.begin())) {
    return failure(malformed("it does not begin with the magic number and version 1"));
  }
  CoreModule module;
  Decoder decoder(module);
  ByteReader reader(bytes.subspan(sizeof kHeader));
  while (!reader.at_end()) {
    uint8_t id = reader.byte();
    auto content = reader.take(reader.u32());
    if (!reader.ok() || id > static_cast<uint8_t>(SectionId::tag)) {
      return failure(malformed("a section is cut off or unknown"));
    }
    Section section{static_cast<SectionId>(id), content};
    if (!decoder.section(section)) {
      return failure(malformed(fmt::format("section {} is malformed", id)));
    }
    module.sections.push_back(section);
  }
  return module;
}

}  // namespace wattle::engine
