#include "engine/multi_memory.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/byte_reader.h"
#include "engine/instruction.h"
#include "engine/memory_access.h"

namespace wattle::engine {
namespace {

using Kind = Instruction::Kind;

constexpr uint64_t kMostPages = 65536;

Error malformed(std::string_view what) {
  return Error(ErrorCode::malformed, fmt::format("the core module does not parse: {}", what));
}

Error invalid(std::string_view what) {
  return Error(ErrorCode::invalid, fmt::format("the core module is invalid: {}", what));
}

// Copies bytes, with some of them replaced.
class Patch {
 public:
  explicit Patch(std::span<const uint8_t> source) : source_(source) { out_.reserve(source.size() + 16); }

  // What is put there takes the place of [begin, end), which comes after all that was replaced so far.
  Bytes& replace(size_t begin, size_t end) {
    put(out_, source_.subspan(copied_, begin - copied_));
    copied_ = end;
    return out_;
  }
  Bytes finish() {
    put(out_, source_.subspan(copied_));
    return std::move(out_);
  }

 private:
  std::span<const uint8_t> source_;
  size_t copied_ = 0;
  Bytes out_;
};

// One data segment, by positions in its section.
struct Segment {
  size_t begin = 0;  // of its flags
  size_t content_begin = 0;
  bool is_active = false;
  uint32_t memory = 0;
  size_t memory_begin = 0, memory_end = 0;       // equal: it does not name one
  std::span<const uint8_t> offset_instructions;  // without `end`
  std::span<const uint8_t> content;
};

std::optional<std::vector<Segment>> read_segments(std::span<const uint8_t> section) {
  ByteReader reader(section);
  const uint32_t count = reader.u32();
  std::vector<Segment> segments;
  for (uint32_t index = 0; index < count && reader.ok(); ++index) {
    Segment segment;
    segment.begin = reader.position();
    const uint32_t flags = reader.u32();
    if (flags > 2) return std::nullopt;
    segment.is_active = flags != 1;
    segment.memory_begin = reader.position();
    if (flags == 2) segment.memory = reader.u32();
    segment.memory_end = reader.position();
    if (segment.is_active) {
      const size_t begin = reader.position();
      each_constant_instruction(reader, [&](const Instruction& instruction) {
        segment.offset_instructions = section.subspan(begin, instruction.begin - begin);
      });
    }
    const uint32_t size = reader.u32();
    segment.content_begin = reader.position();
    segment.content = reader.take(size);
    segments.push_back(segment);
  }
  if (!reader.ok()) return std::nullopt;
  return segments;
}

// The code section with some instructions replaced. `replace(instruction, body, out)` puts what takes the
// place of an instruction, or nothing if it stays; it fails by returning an error.
template <class Replace>
Result<Bytes> patch_code(std::span<const uint8_t> section, Replace replace) {
  ByteReader reader(section);
  Bytes out, replacement;
  const uint32_t count = reader.u32();
  put_u64(out, count);
  for (uint32_t index = 0; index < count && reader.ok(); ++index) {
    auto body = reader.take(reader.u32());
    ByteReader instructions(body);
    skip_locals(instructions);
    Patch patch(body);
    Instruction instruction;
    while (instructions.ok() && !instructions.at_end()) {
      read_instruction(instructions, instruction);
      if (!instructions.ok()) break;
      if (instruction.kind == Kind::other || instruction.kind == Kind::changes_tables) continue;
      replacement.clear();
      WATTLE_CHECK(replace(instruction, body, replacement));
      if (!replacement.empty()) put(patch.replace(instruction.begin, instruction.end), replacement);
    }
    if (!instructions.ok())
      return failure(malformed(fmt::format("body {} has an unknown instruction", index)));
    const Bytes patched = patch.finish();
    put_u64(out, patched.size());
    put(out, patched);
  }
  if (!reader.ok()) return failure(malformed("the code section is cut off"));
  put(out, reader.take(reader.remaining()));
  return out;
}

// The instruction for memory 0, in the form that knows no other. Nothing if it is in that form, or not of
// memories.
void put_for_first_memory(const Instruction& instruction, std::span<const uint8_t> body, Bytes& out) {
  switch (instruction.kind) {
    case Kind::access:
      if (!instruction.names_memory) return;
      put_opcode(out, instruction.opcode);
      put_u64(out, instruction.alignment);
      put(out, body.subspan(instruction.offset_begin, instruction.offset_end - instruction.offset_begin));
      if (instruction.lane >= 0) out.push_back(static_cast<uint8_t>(instruction.lane));
      return;
    case Kind::memory_size:
    case Kind::memory_grow:
    case Kind::memory_fill:
      put_opcode(out, instruction.opcode);
      return out.push_back(0);
    case Kind::memory_copy:
      put_opcode(out, instruction.opcode);
      return put(out, {0, 0});
    case Kind::memory_init:
      put_opcode(out, instruction.opcode);
      put_u64(out, instruction.index);
      return out.push_back(0);
    default:
      return;
  }
}

// The import section without memories other than memory 0.
Bytes without_other_memories(const CoreModule& module, std::span<const uint8_t> section) {
  std::vector<size_t> begins, ends;
  for (size_t index = 1; index < module.memory_imports.size(); ++index) {
    const auto item = module.memory_imports[index];
    if (item.data() < section.data() || item.data() >= section.data() + section.size()) continue;
    begins.push_back(static_cast<size_t>(item.data() - section.data()));
    ends.push_back(begins.back() + item.size());
  }
  ByteReader reader(section);
  const uint32_t count = reader.u32();
  Patch patch(section);
  put_u64(patch.replace(0, reader.position()), count - begins.size());
  for (size_t index = 0; index < begins.size(); ++index) patch.replace(begins[index], ends[index]);
  return patch.finish();
}

// Calls `item(begin, kind, index_begin, end, index)` for each export.
template <class Item>
void each_export(ByteReader& reader, Item item) {
  const uint32_t count = reader.u32();
  for (uint32_t index = 0; index < count && reader.ok(); ++index) {
    const size_t begin = reader.position();
    reader.name();
    const auto kind = static_cast<ExternKind>(reader.byte());
    const size_t index_begin = reader.position();
    const uint32_t exported = reader.u32();
    if (reader.ok()) item(begin, kind, index_begin, reader.position(), exported);
  }
}

class Projector {
 public:
  explicit Projector(const CoreModule& module) : module_(module) {}

  Result<Bytes> run() {
    WATTLE_CHECK(check_memories());
    put(out_, kModuleHeader);
    for (const Section& section : module_.sections) {
      WATTLE_TRY(Bytes content, projected(section));
      put_section(out_, section.id, content);
    }
    return std::move(out_);
  }

 private:
  Result<void> check_memories() {
    if (module_.memories.size() > kMostMemories) {
      return failure(invalid(
          fmt::format("it has {} memories, and may have {}", module_.memories.size(), kMostMemories)));
    }
    for (const CoreMemory& memory : module_.memories) {
      if (memory.is_64) return failure(invalid("memories of 64-bit addresses are not supported"));
      const uint64_t maximum = memory.maximum_pages.value_or(kMostPages);
      if (memory.minimum_pages > kMostPages || maximum > kMostPages) {
        return failure(invalid("memory size must be at most 65536 pages (4GiB)"));
      }
      if (memory.minimum_pages > maximum) {
        return failure(invalid("size minimum must not be greater than maximum"));
      }
    }
    return {};
  }

  Result<void> check_memory(uint32_t memory) {
    if (memory < module_.memories.size()) return {};
    return failure(invalid(fmt::format("unknown memory {}", memory)));
  }

  Result<Bytes> projected(const Section& section) {
    switch (section.id) {
      case SectionId::import:
        return imports(section.bytes);
      case SectionId::memory:
        return memories(section.bytes);
      case SectionId::export_:
        return exports(section.bytes);
      case SectionId::code:
        return code(section.bytes);
      case SectionId::data:
        return data(section.bytes);
      default:
        return Bytes(section.bytes.begin(), section.bytes.end());
    }
  }

  Result<Bytes> imports(std::span<const uint8_t> section) {
    if (module_.memory_imports.size() < 2) return Bytes(section.begin(), section.end());
    // V8 does not see the imports that go, and names must be UTF-8: it checks those of custom sections.
    for (const auto item : module_.memory_imports) {
      ByteReader reader(item);
      for (int names = 0; names < 2; ++names) {
        Bytes name;
        put_name(name, reader.name());
        put_section(out_, SectionId::custom, name);
      }
    }
    return without_other_memories(module_, section);
  }

  Bytes memories(std::span<const uint8_t> section) {
    CountedItems items;
    if (module_.memory_imports.empty() && ByteReader(section).u32() > 0) {
      items.count = 1;
      put_memory(items.items, module_.memories.front());
    }
    return items.content();
  }

  Result<Bytes> exports(std::span<const uint8_t> section) {
    ByteReader reader(section);
    Patch patch(section);
    Result<void> checked;
    each_export(reader, [&](size_t, ExternKind kind, size_t begin, size_t end, uint32_t memory) {
      if (kind != ExternKind::memory) return;
      if (checked) checked = check_memory(memory);
      patch.replace(begin, end).push_back(0);
    });
    WATTLE_CHECK(std::move(checked));
    return patch.finish();
  }

  Result<Bytes> code(std::span<const uint8_t> section) {
    return patch_code(section,
                      [&](const Instruction& instruction, std::span<const uint8_t> body, Bytes& out) {
                        return instruction_for_first_memory(instruction, body, out);
                      });
  }

  Result<void> instruction_for_first_memory(const Instruction& instruction, std::span<const uint8_t> body,
                                            Bytes& out) {
    if (instruction.kind == Kind::function || instruction.kind == Kind::data_drop) return {};
    WATTLE_CHECK(check_memory(instruction.memory));
    if (instruction.kind == Kind::memory_copy) WATTLE_CHECK(check_memory(instruction.from_memory));
    put_for_first_memory(instruction, body, out);
    return {};
  }

  Result<Bytes> data(std::span<const uint8_t> section) {
    auto segments = read_segments(section);
    if (!segments) return failure(malformed("section 11 is malformed"));
    Patch patch(section);
    for (const Segment& segment : *segments) {
      if (segment.memory_begin == segment.memory_end) continue;
      WATTLE_CHECK(check_memory(segment.memory));
      patch.replace(segment.memory_begin, segment.memory_end).push_back(0);
    }
    return patch.finish();
  }

  const CoreModule& module_;
  Bytes out_;
};

class MemoryRewriter {
 public:
  MemoryRewriter(const CoreModule& module, std::string_view reserved_module)
      : module_(module), reserved_module_(reserved_module) {}

  MemoryRewriting run() {
    find_sections();
    name_imports();
    for (size_t index = first_applied_; index < segments_.size(); ++index) {
      if (!segments_[index].is_active || segments_[index].memory == 0) continue;
      operation({BulkOperation::Kind::init, segments_[index].memory, static_cast<uint32_t>(index)});
    }
    // The first time only tells what will be imported, which moves the functions.
    if (!section(SectionId::code).empty()) {
      static_cast<void>(code());
      if (auto rewritten = code()) content(SectionId::code) = std::move(*rewritten);
    }
    if (module_.memory_imports.size() > 1) {
      content(SectionId::import) = without_other_memories(module_, section(SectionId::import));
    }
    move_functions(SectionId::global);
    move_functions(SectionId::element);
    exports();
    add_operate();
    data();
    start();
    finish_facts();
    return std::move(result_);
  }

 private:
  std::span<const uint8_t> section(SectionId id) const { return sections_[static_cast<size_t>(id)]; }
  std::optional<Bytes>& content(SectionId id) { return result_.contents[static_cast<size_t>(id)]; }

  void find_sections() {
    for (const Section& section : module_.sections)
      sections_[static_cast<size_t>(section.id)] = section.bytes;
    segments_ = read_segments(section(SectionId::data)).value_or(std::vector<Segment>());
    auto first = std::find_if(segments_.begin(), segments_.end(), [](const Segment& segment) {
      return segment.is_active && segment.memory != 0;
    });
    first_applied_ = static_cast<size_t>(first - segments_.begin());
  }

  // Names of modules that the module does not import from. Each try fails for another of its imports, so few
  // do.
  void name_imports() {
    std::set<std::string_view> taken;
    for (const ModuleImport& item : module_.imports) taken.insert(item.module);
    auto is_free = [&] {
      for (size_t memory = 0; memory < module_.memories.size(); ++memory) {
        if (taken.contains(import_module(memory))) return false;
      }
      return true;
    };
    while (!is_free()) ++try_;
    result_.facts.access_imports.resize(module_.memories.size());
  }
  // Memory 0 needs none: its name is for operations.
  std::string import_module(size_t memory) const {
    return fmt::format("{} {}.{}", reserved_module_, try_, memory);
  }

  uint32_t imported() const {
    return static_cast<uint32_t>(accesses_.size()) + (result_.facts.operations.empty() ? 0 : 1);
  }
  uint64_t moved(uint32_t function) const {
    return function < module_.imported_functions ? function : uint64_t{function} + imported();
  }
  // Of the functions that are added at the end.
  uint64_t operate_function() const { return module_.functions.size() + imported(); }
  uint64_t start_function() const { return operate_function() + 1; }

  uint32_t operation(const BulkOperation& operation) {
    auto& operations = result_.facts.operations;
    auto [known, is_new] =
        operation_indices_.try_emplace(operation, static_cast<uint32_t>(operations.size()));
    if (is_new) operations.push_back(operation);
    if (operation.kind == BulkOperation::Kind::init) segments_needed_.insert(operation.source);
    return known->second;
  }

  // Its operands are on the stack.
  void put_operation(Bytes& out, const BulkOperation& wanted) {
    put_i32_constant(out, static_cast<int32_t>(operation(wanted)));
    put_indexed(out, 0x10, operate_function());
  }

  void put_drop(Bytes& out, uint32_t segment) {
    for (int operand = 0; operand < 3; ++operand) put_i32_constant(out, 0);
    put_operation(out, {BulkOperation::Kind::drop, 0, segment});
  }

  void put_access_call(Bytes& out, const Instruction& instruction) {
    auto function = access_function(instruction);
    if (!function || instruction.memory >= module_.memories.size()) return;
    std::string& from = result_.facts.access_imports[instruction.memory];
    if (from.empty()) from = import_module(instruction.memory);
    auto [known, is_new] =
        accesses_.try_emplace({instruction.memory, function->name}, static_cast<uint32_t>(accesses_.size()));
    if (is_new) result_.imports.push_back({from, function->name, function->signature});
    if (instruction.kind == Kind::access) {
      put_i32_constant(out, static_cast<int32_t>(static_cast<uint32_t>(instruction.offset)));
    }
    put_indexed(out, 0x10, module_.imported_functions + known->second);
  }

  Result<Bytes> code() {
    return patch_code(
        section(SectionId::code),
        [&](const Instruction& instruction, std::span<const uint8_t> body, Bytes& out) -> Result<void> {
          rewrite(instruction, body, out);
          return {};
        });
  }

  void rewrite(const Instruction& instruction, std::span<const uint8_t> body, Bytes& out) {
    switch (instruction.kind) {
      case Kind::function:
        return put_indexed(out, static_cast<uint8_t>(instruction.opcode), moved(instruction.index));
      case Kind::data_drop:
        put(out, body.subspan(instruction.begin, instruction.end - instruction.begin));
        if (segments_needed_.contains(instruction.index)) put_drop(out, instruction.index);
        return;
      case Kind::memory_copy:
        if (instruction.memory == instruction.from_memory) break;
        return put_operation(out, {BulkOperation::Kind::copy, instruction.memory, instruction.from_memory});
      case Kind::memory_init:
        if (instruction.memory == 0) break;
        return put_operation(out, {BulkOperation::Kind::init, instruction.memory, instruction.index});
      default:
        break;
    }
    if (instruction.memory == 0) return put_for_first_memory(instruction, body, out);
    put_access_call(out, instruction);
  }

  void move_functions(SectionId id) {
    auto references = function_references({id, section(id)});
    if (!references || references->empty()) return;
    Patch patch(section(id));
    for (const FunctionReference& reference : *references) {
      put_u64(patch.replace(reference.begin, reference.end), moved(reference.function));
    }
    content(id) = patch.finish();
  }

  void exports() {
    CountedItems kept;
    const auto bytes = section(SectionId::export_);
    ByteReader reader(bytes);
    each_export(reader, [&](size_t begin, ExternKind kind, size_t index_begin, size_t end, uint32_t index) {
      if (kind == ExternKind::memory && index != 0) return;
      ++kept.count;
      put(kept.items, bytes.subspan(begin, (kind == ExternKind::function ? index_begin : end) - begin));
      if (kind == ExternKind::function) put_u64(kept.items, moved(index));
    });
    if (!bytes.empty()) content(SectionId::export_) = kept.content();
  }

  // The function that traps where the store finds that an operation is out of bounds.
  void add_operate() {
    if (result_.facts.operations.empty()) return;
    result_.facts.operate_import = import_module(0);
    const Signature imported_signature{std::vector<CoreType>(4, CoreType::i32), {CoreType::i32}};
    result_.imports.push_back({result_.facts.operate_import, "", imported_signature});
    Bytes body;
    for (uint64_t local = 0; local < 4; ++local) put_indexed(body, 0x20, local);
    put_indexed(body, 0x10, module_.imported_functions + accesses_.size());
    put(body, {0x45, 0x04, 0x40});  // i32.eqz; if
    put_out_of_bounds(body);
    body.push_back(0x0b);
    result_.functions.push_back({{std::vector<CoreType>(4, CoreType::i32), {}}, std::move(body)});
  }

  // Segments are applied in their order: from the first on that is for another memory than 0, by the start
  // function.
  void data() {
    if (segments_.empty()) return;
    Bytes count;
    put_u64(count, segments_.size());
    content(SectionId::data_count) = std::move(count);
    const auto bytes = section(SectionId::data);
    Patch patch(bytes);
    for (size_t index = first_applied_; index < segments_.size(); ++index) {
      const Segment& segment = segments_[index];
      if (!segment.is_active) continue;
      const size_t content_end = segment.content_begin + segment.content.size();
      Bytes& out = patch.replace(segment.begin, content_end);
      out.push_back(1);
      const auto kept = segment.memory == 0 ? segment.content : std::span<const uint8_t>();
      put_u64(out, kept.size());
      put(out, kept);
    }
    content(SectionId::data) = patch.finish();
  }

  void start() {
    if (first_applied_ == segments_.size()) {
      if (module_.start) put_start(moved(*module_.start));
      return;
    }
    Bytes body;
    for (size_t index = first_applied_; index < segments_.size(); ++index) {
      if (segments_[index].is_active) put_application(body, static_cast<uint32_t>(index));
    }
    if (module_.start) put_indexed(body, 0x10, moved(*module_.start));
    result_.functions.push_back({{}, std::move(body)});
    put_start(start_function());
  }

  void put_start(uint64_t function) {
    Bytes index;
    put_u64(index, function);
    content(SectionId::start) = std::move(index);
  }

  void put_application(Bytes& body, uint32_t index) {
    const Segment& segment = segments_[index];
    put(body, segment.offset_instructions);
    put_i32_constant(body, 0);
    put_i32_constant(body, static_cast<int32_t>(segment.content.size()));
    if (segment.memory != 0) {
      put_operation(body, {BulkOperation::Kind::init, segment.memory, index});
      return put_drop(body, index);
    }
    put(body, {0xfc, 8});  // memory.init
    put_u64(body, index);
    put(body, {0, 0xfc, 9});  // memory 0; data.drop
    put_u64(body, index);
  }

  void finish_facts() {
    MemoryFacts& facts = result_.facts;
    facts.export_memories = module_.exported_indices;
    if (!segments_needed_.empty()) facts.segments.resize(segments_.size());
    for (uint32_t index : segments_needed_) {
      if (index >= segments_.size()) continue;
      const bool is_dropped_at_start = segments_[index].is_active && segments_[index].memory == 0;
      if (is_dropped_at_start) continue;
      facts.segments[index].assign(segments_[index].content.begin(), segments_[index].content.end());
    }
  }

  const CoreModule& module_;
  std::string_view reserved_module_;
  std::array<std::span<const uint8_t>, kSectionIds> sections_;
  std::vector<Segment> segments_;
  size_t first_applied_ = 0;  // the first segment that the start function applies, if active
  uint32_t try_ = 0;
  std::map<std::pair<uint32_t, std::string>, uint32_t> accesses_;  // by memory and function
  std::map<BulkOperation, uint32_t> operation_indices_;
  std::set<uint32_t> segments_needed_;  // outside of the module
  MemoryRewriting result_;
};

}  // namespace

Result<Bytes> project_to_one_memory(const CoreModule& module) {
  return Projector(module).run();
}

MemoryRewriting rewrite_memories(const CoreModule& module, std::string_view reserved_module) {
  return MemoryRewriter(module, reserved_module).run();
}

}  // namespace wattle::engine
