#include "engine/scan.h"

#include <vector>

#include "engine/byte_reader.h"

namespace wattle::engine {
namespace {

// What one function body does.
struct BodyFacts {
  bool changes_tables = false;
  std::vector<uint32_t> calls;  // functions called or referenced directly
};

class BodyScanner {
 public:
  BodyScanner(std::span<const uint8_t> body, BodyFacts& facts) : reader_(body), facts_(facts) {}

  // False: not known or malformed.
  bool scan() {
    uint32_t groups = reader_.u32();
    for (uint32_t group = 0; group < groups && reader_.ok(); ++group) {
      reader_.u32();
      value_type();
    }
    while (reader_.ok() && !reader_.at_end()) instruction();
    return reader_.ok();
  }

 private:
  void value_type() {
    uint8_t type = reader_.byte();
    if (type == 0x63 || type == 0x64) reader_.s33();
  }

  void memory_argument() {
    uint32_t flags = reader_.u32();
    if ((flags & 0x40) != 0) reader_.u32();
    reader_.u64();
  }

  void labels() {
    uint32_t count = reader_.u32();
    if (count > reader_.remaining()) return reader_.fail();
    for (uint32_t index = 0; index <= count && reader_.ok(); ++index) reader_.u32();
  }

  void types() {
    uint32_t count = reader_.u32();
    if (count > reader_.remaining()) return reader_.fail();
    for (uint32_t index = 0; index < count && reader_.ok(); ++index) value_type();
  }

  void call() { facts_.calls.push_back(reader_.u32()); }

  void instruction() {
    uint8_t opcode = reader_.byte();
    if (opcode >= 0x45 && opcode <= 0xc4) return;  // numeric, without immediates
    if (opcode >= 0x28 && opcode <= 0x3e) return memory_argument();
    switch (opcode) {
      case 0x00:  // unreachable
      case 0x01:  // nop
      case 0x05:  // else
      case 0x0a:  // throw_ref
      case 0x0b:  // end
      case 0x0f:  // return
      case 0x19:  // catch_all
      case 0x1a:  // drop
      case 0x1b:  // select
      case 0xd1:  // ref.is_null
      case 0xd3:  // ref.as_non_null (older) or ref.eq
      case 0xd4:  // ref.as_non_null
        return;
      case 0x02:  // block
      case 0x03:  // loop
      case 0x04:  // if
      case 0x06:  // try
      case 0xd0:  // ref.null
        return static_cast<void>(reader_.s33());
      case 0x07:  // catch
      case 0x08:  // throw
      case 0x09:  // rethrow
      case 0x0c:  // br
      case 0x0d:  // br_if
      case 0x14:  // call_ref
      case 0x15:  // return_call_ref
      case 0x18:  // delegate
      case 0x20:  // local.get, set, tee
      case 0x21:
      case 0x22:
      case 0x23:  // global.get, set
      case 0x24:
      case 0x25:  // table.get
      case 0x3f:  // memory.size
      case 0x40:  // memory.grow
      case 0xd5:  // br_on_null
      case 0xd6:  // br_on_non_null
        return static_cast<void>(reader_.u32());
      case 0x26:  // table.set
        facts_.changes_tables = true;
        return static_cast<void>(reader_.u32());
      case 0x0e:
        return labels();
      case 0x10:  // call
      case 0x12:  // return_call
      case 0xd2:  // ref.func
        return call();
      case 0x11:  // call_indirect
      case 0x13:  // return_call_indirect
        reader_.u32();
        return static_cast<void>(reader_.u32());
      case 0x1c:
        return types();
      case 0x41:
        return static_cast<void>(reader_.s33());
      case 0x42:
        return static_cast<void>(reader_.s64());
      case 0x43:
        return reader_.skip(4);
      case 0x44:
        return reader_.skip(8);
      case 0xfc:
        return bulk();
      case 0xfd:
        return vector();
      case 0xfe:
        return atomic();
      default:
        return reader_.fail();
    }
  }

  void bulk() {
    uint32_t opcode = reader_.u32();
    switch (opcode) {
      case 8:   // memory.init
      case 10:  // memory.copy
        reader_.u32();
        return static_cast<void>(reader_.u32());
      case 12:  // table.init
      case 14:  // table.copy
        facts_.changes_tables = true;
        reader_.u32();
        return static_cast<void>(reader_.u32());
      case 11:  // memory.fill
      case 16:  // table.size
        return static_cast<void>(reader_.u32());
      case 9:   // data.drop
      case 13:  // elem.drop
      case 15:  // table.grow
      case 17:  // table.fill
        facts_.changes_tables = true;
        return static_cast<void>(reader_.u32());
      default:
        if (opcode > 7) reader_.fail();  // up to 7: saturating conversions
    }
  }

  void vector() {
    uint32_t opcode = reader_.u32();
    if (opcode <= 11 || opcode == 92 || opcode == 93) return memory_argument();
    if (opcode == 12 || opcode == 13) return reader_.skip(16);  // v128.const, shuffle
    if (opcode >= 21 && opcode <= 34) return reader_.skip(1);   // lanes
    if (opcode >= 84 && opcode <= 91) {                         // load and store of a lane
      memory_argument();
      return reader_.skip(1);
    }
    if (opcode > 0x13f) reader_.fail();
  }

  void atomic() {
    uint32_t opcode = reader_.u32();
    if (opcode == 3) return reader_.skip(1);  // fence
    if (opcode > 0x4e) return reader_.fail();
    memory_argument();
  }

  ByteReader reader_;
  BodyFacts& facts_;
};

bool scan_bodies(const CoreModule& module, std::vector<BodyFacts>& bodies) {
  for (const Section& section : module.sections) {
    if (section.id != SectionId::code) continue;
    ByteReader reader(section.bytes);
    uint32_t count = reader.u32();
    if (count != module.functions.size() - module.imported_functions) return false;
    bodies.resize(count);
    for (uint32_t index = 0; index < count; ++index) {
      auto body = reader.take(reader.u32());
      if (!reader.ok() || !BodyScanner(body, bodies[index]).scan()) return false;
    }
  }
  return true;
}

// Function indices in element segments: those of all kinds of segment, so what a table can hold.
class ElementScanner {
 public:
  explicit ElementScanner(std::vector<uint32_t>& functions) : functions_(functions) {}

  bool scan(const Section& section) {
    ByteReader reader(section.bytes);
    uint32_t count = reader.u32();
    for (uint32_t index = 0; index < count && reader.ok(); ++index) segment(reader);
    return reader.ok();
  }

 private:
  void segment(ByteReader& reader) {
    uint32_t flags = reader.u32();
    if (flags > 7) return reader.fail();
    const bool is_active = (flags & 1) == 0;
    const bool has_table_or_kind = (flags & 2) != 0;
    const bool has_expressions = (flags & 4) != 0;
    if (is_active && has_table_or_kind) reader.u32();
    if (is_active) expression(reader);
    if ((flags & 3) != 0) reader.byte();  // element kind or type
    uint32_t count = reader.u32();
    for (uint32_t index = 0; index < count && reader.ok(); ++index) {
      if (has_expressions) {
        expression(reader);
      } else {
        functions_.push_back(reader.u32());
      }
    }
  }

  void expression(ByteReader& reader) {
    while (reader.ok()) {
      switch (reader.byte()) {
        case 0x0b:
          return;
        case 0x23:
          reader.u32();
          break;
        case 0xd2:
          functions_.push_back(reader.u32());
          break;
        case 0x41:
        case 0xd0:
          reader.s33();
          break;
        case 0x42:
          reader.s64();
          break;
        case 0x6a:
        case 0x6b:
        case 0x6c:
          break;
        default:
          return reader.fail();
      }
    }
  }

  std::vector<uint32_t>& functions_;
};

// Functions that a reference in a global's initial value names.
void add_global_references(const Section& section, std::vector<uint32_t>& functions) {
  // A value of 0xd2 that is not ref.func adds a function too many: that only makes the answer careful.
  for (size_t at = 0; at + 1 < section.bytes.size(); ++at) {
    if (section.bytes[at] != 0xd2) continue;
    ByteReader reader(section.bytes.subspan(at + 1));
    functions.push_back(reader.u32());
  }
}

}  // namespace

bool changes_only_memory_and_globals(const CoreModule& module) {
  std::vector<BodyFacts> bodies;
  if (!scan_bodies(module, bodies)) return false;
  std::vector<uint32_t> pending = module.exported_functions;
  for (const Section& section : module.sections) {
    if (section.id == SectionId::element && !ElementScanner(pending).scan(section)) return false;
    if (section.id == SectionId::global) add_global_references(section, pending);
  }
  std::vector<bool> seen(bodies.size());
  while (!pending.empty()) {
    uint32_t function = pending.back();
    pending.pop_back();
    if (function < module.imported_functions) continue;
    uint32_t index = function - module.imported_functions;
    if (index >= bodies.size() || seen[index]) continue;
    seen[index] = true;
    if (bodies[index].changes_tables) return false;
    pending.insert(pending.end(), bodies[index].calls.begin(), bodies[index].calls.end());
  }
  return true;
}

}  // namespace wattle::engine
