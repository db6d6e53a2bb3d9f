#include "component/core_module.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "component/core_type_reader.h"

namespace wattle::component {
namespace {

constexpr uint32_t kMaxItems = 1'000'000;
constexpr uint32_t kMaxModuleTables = 100;
constexpr uint32_t kMaxModuleMemories = 100;
constexpr uint32_t kMaxSegments = 100'000;
constexpr uint32_t kMaxFunctionBytes = 7'654'321;

// The order that sections must appear in, by section id; 0 = custom, anywhere.
constexpr std::array<uint8_t, 14> kSectionOrder = {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6};

class ModuleDecoder {
 public:
  explicit ModuleDecoder(Reader reader) : reader_(reader) {}

  Result<std::shared_ptr<const CoreModuleType>> decode() {
    WATTLE_CHECK(read_header());
    uint8_t last = 0;
    while (!reader_.at_end()) {
      const uint64_t start = reader_.offset();
      WATTLE_TRY(const uint8_t id, reader_.byte());
      WATTLE_TRY(const uint32_t size, reader_.u32());
      if (id >= kSectionOrder.size())
        return failure(error_at(ErrorCode::malformed, start, fmt::format("malformed section id: {}", id)));
      WATTLE_TRY(Reader section, reader_.section(size));
      if (id != 0) {
        if (kSectionOrder[id] <= last)
          return failure(error_at(ErrorCode::malformed, start, "section out of order"));
        last = kSectionOrder[id];
      }
      WATTLE_CHECK(read_section(id, section));
      if (!section.at_end())
        return section.malformed("section size mismatch: unexpected data at the end of the section");
    }
    if (declared_functions_ != bodies_)
      return reader_.malformed("function and code section have inconsistent lengths");
    return std::make_shared<const CoreModuleType>(std::move(type_));
  }

 private:
  Result<void> read_header() {
    WATTLE_TRY(const auto header, reader_.bytes(8));
    constexpr std::array<uint8_t, 8> kHeader = {0, 'a', 's', 'm', 1, 0, 0, 0};
    if (!std::equal(kHeader.begin(), kHeader.begin() + 4, header.begin()))
      return failure(error_at(ErrorCode::malformed, reader_.offset() - 8, "magic header not detected"));
    if (header[6] != 0 || header[7] != 0)
      return failure(
          error_at(ErrorCode::malformed, reader_.offset() - 4, "expected a version header for a module"));
    if (!std::equal(kHeader.begin(), kHeader.end(), header.begin()))
      return failure(error_at(ErrorCode::malformed, reader_.offset() - 4, "unknown binary version"));
    return {};
  }

  Result<void> read_section(uint8_t id, Reader& section) {
    switch (id) {
      case 0: {
        WATTLE_CHECK(section.name());
        return section.skip(section.remaining());
      }
      case 1:
        return read_types(section);
      case 2:
        return read_each(section, "imports", [&] { return read_import(section); });
      case 3:
        return read_each(section, "functions", [&] { return read_function(section); });
      case 4:
        return read_each(section, "tables", [&] { return read_table(section); });
      case 5:
        return read_each(section, "memories", [&]() -> Result<void> {
          WATTLE_TRY(auto type, read_core_memory_type(section));
          return add(std::move(type), section.offset());
        });
      case 6:
        return read_each(section, "globals", [&]() -> Result<void> {
          WATTLE_TRY(auto type, read_core_global_type(section));
          WATTLE_CHECK(skip_constant_expression(section));
          return add(std::move(type), section.offset());
        });
      case 7:
        return read_each(section, "exports", [&] { return read_export(section); });
      case 8:
        return read_start(section);
      case 10:
        return read_code(section);
      case 13:
        return read_each(section, "tags", [&]() -> Result<void> {
          WATTLE_TRY(auto type, read_core_tag_type(section, types_));
          return add(std::move(type), section.offset());
        });
      default:  // element, data and data count: nothing that a component could see
        WATTLE_CHECK(section.count(kMaxSegments, "segments"));
        return section.skip(section.remaining());
    }
  }

  template <class Read>
  Result<void> read_each(Reader& section, std::string_view what, Read read) {
    WATTLE_TRY(const uint32_t count, section.count(kMaxItems, what));
    for (uint32_t i = 0; i < count; i++) WATTLE_CHECK(read());
    return {};
  }

  Result<void> read_types(Reader& section) {
    WATTLE_CHECK(read_each(section, "types", [&] { return read_core_recursive_type(section, types_); }));
    for (const CoreTypeEntry& type : types_) note_features(type, type_.later_features);
    return {};
  }

  std::vector<CoreExternType>& space(Sort sort) { return spaces_[static_cast<size_t>(sort)]; }

  Result<void> add(CoreExternType type, uint64_t offset) {
    auto& items = space(type.sort);
    const uint32_t limit = type.sort == Sort::core_table    ? kMaxModuleTables
                           : type.sort == Sort::core_memory ? kMaxModuleMemories
                                                            : kMaxItems;
    if (items.size() >= limit)
      return failure(error_at(ErrorCode::invalid, offset,
                              fmt::format("{} count exceeds limit of {}", to_string(type.sort), limit)));
    note_features(type, type_.later_features);
    items.push_back(std::move(type));
    return {};
  }

  Result<void> read_import(Reader& section) {
    const uint64_t offset = section.offset();
    CoreImport import;
    WATTLE_TRY(import.module, section.name());
    WATTLE_TRY(import.name, section.name());
    WATTLE_TRY(import.type, read_core_extern_type(section, types_));
    if (!import_names_.insert(import.module + '\0' + import.name).second)
      return failure(
          error_at(ErrorCode::invalid, offset,
                   fmt::format("duplicate import name `{}:{}` already defined", import.module, import.name)));
    WATTLE_CHECK(add(import.type, offset));
    type_.imports.push_back(std::move(import));
    return {};
  }

  Result<void> read_function(Reader& section) {
    const uint64_t offset = section.offset();
    WATTLE_TRY(const uint32_t index, section.u32());
    CoreExternType type;
    WATTLE_TRY(type.function, core_function_type_at(types_, index, offset));
    declared_functions_ += 1;
    return add(std::move(type), offset);
  }

  Result<void> read_table(Reader& section) {
    WATTLE_TRY(const uint8_t next, section.peek());
    const bool initialised = next == 0x40;
    if (initialised) {
      WATTLE_CHECK(section.skip(1));
      WATTLE_TRY(const uint8_t zero, section.byte());
      if (zero != 0) return section.bad_leading_byte(zero, "table");
    }
    WATTLE_TRY(auto type, read_core_table_type(section));
    if (initialised) WATTLE_CHECK(skip_constant_expression(section));
    return add(std::move(type), section.offset());
  }

  Result<void> read_export(Reader& section) {
    const uint64_t offset = section.offset();
    CoreExport item;
    WATTLE_TRY(item.name, section.name());
    WATTLE_TRY(const uint8_t kind, section.byte());
    if (kind > 4) return section.bad_leading_byte(kind, "external kind");
    WATTLE_TRY(const uint32_t index, section.u32());
    constexpr std::array<Sort, 5> kSorts = {Sort::core_function, Sort::core_table, Sort::core_memory,
                                            Sort::core_global, Sort::core_tag};
    constexpr std::array<std::string_view, 5> kNames = {"function", "table", "memory", "global", "tag"};
    const auto& items = space(kSorts[kind]);
    if (index >= items.size())
      return failure(
          error_at(ErrorCode::invalid, offset,
                   fmt::format("unknown {0} {1}: {0} index out of bounds: exported {0} index out of "
                               "bounds",
                               kNames[kind], index)));
    if (!export_names_.insert(item.name).second)
      return failure(error_at(ErrorCode::invalid, offset,
                              fmt::format("duplicate export name `{}` already defined", item.name)));
    item.type = items[index];
    type_.exports.push_back(std::move(item));
    return {};
  }

  Result<void> read_start(Reader& section) {
    const uint64_t offset = section.offset();
    WATTLE_TRY(const uint32_t index, section.u32());
    const auto& functions = space(Sort::core_function);
    if (index >= functions.size())
      return failure(error_at(ErrorCode::invalid, offset,
                              fmt::format("unknown function {}: function index out of bounds", index)));
    if (!functions[index].function->parameters.empty() || !functions[index].function->results.empty())
      return failure(error_at(ErrorCode::invalid, offset, "invalid start function type"));
    return {};
  }

  Result<void> read_code(Reader& section) {
    WATTLE_TRY(bodies_, section.count(kMaxItems, "functions"));
    for (uint32_t i = 0; i < bodies_; i++) {
      WATTLE_TRY(const uint32_t size, section.count(kMaxFunctionBytes, "function body"));
      WATTLE_CHECK(section.skip(size));
    }
    return {};
  }

  // Core specification 3.4.13: finds the end of the expression; the engine checks its type.
  static Result<void> skip_constant_expression(Reader& section) {
    while (true) {
      const uint64_t offset = section.offset();
      WATTLE_TRY(const uint8_t opcode, section.byte());
      switch (opcode) {
        case 0x0b:
          return {};
        case 0x23:  // global.get
        case 0xd2:  // ref.func
          WATTLE_CHECK(section.u32());
          break;
        case 0x41:
        case 0x42:
          WATTLE_CHECK(section.s64());
          break;
        case 0x43:
          WATTLE_CHECK(section.skip(4));
          break;
        case 0x44:
          WATTLE_CHECK(section.skip(8));
          break;
        case 0x6a:
        case 0x6b:
        case 0x6c:
        case 0x7c:
        case 0x7d:
        case 0x7e:  // add, sub, mul
          break;
        case 0xd0:  // ref.null
          WATTLE_CHECK(section.s33());
          break;
        case 0xfb:
          WATTLE_CHECK(skip_gc_instruction(section));
          break;
        case 0xfd: {
          WATTLE_TRY(const uint32_t vector_opcode, section.u32());
          if (vector_opcode != 0x0c)
            return failure(error_at(ErrorCode::invalid, offset, "constant expression required"));
          WATTLE_CHECK(section.skip(16));
          break;
        }
        default:
          return failure(error_at(ErrorCode::invalid, offset,
                                  fmt::format("constant expression required: opcode {:#x}", opcode)));
      }
    }
  }

  static Result<void> skip_gc_instruction(Reader& section) {
    const uint64_t offset = section.offset();
    WATTLE_TRY(const uint32_t opcode, section.u32());
    switch (opcode) {
      case 0:
      case 1:  // struct.new, struct.new_default
      case 6:
      case 7:  // array.new, array.new_default
        WATTLE_CHECK(section.u32());
        return {};
      case 8:  // array.new_fixed
        WATTLE_CHECK(section.u32());
        WATTLE_CHECK(section.u32());
        return {};
      case 26:
      case 27:
      case 28:  // any.convert_extern, extern.convert_any, ref.i31
        return {};
      default:
        return failure(error_at(ErrorCode::invalid, offset, "constant expression required"));
    }
  }

  Reader reader_;
  CoreModuleType type_;
  std::vector<CoreTypeEntry> types_;
  std::array<std::vector<CoreExternType>, 5> spaces_;  // by Sort, core_function to core_tag
  std::unordered_set<std::string> import_names_, export_names_;
  uint32_t declared_functions_ = 0;
  uint32_t bodies_ = 0;
};

}  // namespace

Result<std::shared_ptr<const CoreModuleType>> decode_core_module(Reader reader) {
  return ModuleDecoder(reader).decode();
}

}  // namespace wattle::component
