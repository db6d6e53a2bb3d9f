#include "engine/instruction.h"

namespace wattle::engine {
namespace {

using Kind = Instruction::Kind;

void skip_value_type(ByteReader& reader) {
  uint8_t type = reader.byte();
  if (type == 0x63 || type == 0x64) reader.s33();
}

void skip_value_types(ByteReader& reader) {
  uint32_t count = reader.u32();
  if (count > reader.remaining()) return reader.fail();
  for (uint32_t index = 0; index < count && reader.ok(); ++index) skip_value_type(reader);
}

void skip_labels(ByteReader& reader) {
  uint32_t count = reader.u32();
  if (count > reader.remaining()) return reader.fail();
  for (uint32_t index = 0; index <= count && reader.ok(); ++index) reader.u32();
}

void read_access(ByteReader& reader, Instruction& instruction) {
  constexpr uint32_t kNamesMemory = 0x40;
  const uint32_t flags = reader.u32();
  instruction.kind = Kind::access;
  instruction.names_memory = (flags & kNamesMemory) != 0;
  instruction.alignment = flags & ~kNamesMemory;
  instruction.memory = instruction.names_memory ? reader.u32() : 0;
  instruction.offset_begin = reader.position();
  instruction.offset = reader.u64();
  instruction.offset_end = reader.position();
  instruction.lane = -1;
}

void read_one_index(ByteReader& reader, Instruction& instruction, Kind kind) {
  instruction.kind = kind;
  instruction.index = reader.u32();
}

void read_one_memory(ByteReader& reader, Instruction& instruction, Kind kind) {
  instruction.kind = kind;
  instruction.memory = reader.u32();
}

void read_bulk(ByteReader& reader, Instruction& instruction) {
  const uint32_t number = reader.u32();
  instruction.opcode = 0xfc0000 | (number & 0xffff);
  switch (number) {
    case 8:
      read_one_index(reader, instruction, Kind::memory_init);
      return read_one_memory(reader, instruction, Kind::memory_init);
    case 9:
      return read_one_index(reader, instruction, Kind::data_drop);
    case 10:
      read_one_memory(reader, instruction, Kind::memory_copy);
      instruction.from_memory = reader.u32();
      return;
    case 11:
      return read_one_memory(reader, instruction, Kind::memory_fill);
    case 12:  // table.init
    case 14:  // table.copy
      reader.u32();
      [[fallthrough]];
    case 13:  // elem.drop
    case 15:  // table.grow
    case 17:  // table.fill
      return read_one_index(reader, instruction, Kind::changes_tables);
    case 16:  // table.size
      return static_cast<void>(reader.u32());
    default:
      if (number > 7) reader.fail();  // up to 7: saturating conversions
  }
}

void read_vector(ByteReader& reader, Instruction& instruction) {
  const uint32_t number = reader.u32();
  instruction.opcode = 0xfd0000 | (number & 0xffff);
  if (number <= 11 || number == 92 || number == 93) return read_access(reader, instruction);
  if (number == 12 || number == 13) return reader.skip(16);  // v128.const, shuffle
  if (number >= 21 && number <= 34) return reader.skip(1);   // lanes
  if (number >= 84 && number <= 91) {                        // load and store of a lane
    read_access(reader, instruction);
    instruction.lane = reader.byte();
    return;
  }
  if (number > 0x13f) reader.fail();
}

void read_atomic(ByteReader& reader, Instruction& instruction) {
  const uint32_t number = reader.u32();
  instruction.opcode = 0xfe0000 | (number & 0xffff);
  if (number == 3) return reader.skip(1);  // fence
  if (number > 0x4e) return reader.fail();
  read_access(reader, instruction);
}

void read_rest(ByteReader& reader, Instruction& instruction) {
  switch (instruction.opcode) {
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
    case 0x41:  // i32.const
    case 0xd0:  // ref.null
      return static_cast<void>(reader.s33());
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
    case 0xd5:  // br_on_null
    case 0xd6:  // br_on_non_null
      return static_cast<void>(reader.u32());
    case 0x0e:
      return skip_labels(reader);
    case 0x10:  // call
    case 0x12:  // return_call
    case 0xd2:  // ref.func
      return read_one_index(reader, instruction, Kind::function);
    case 0x11:  // call_indirect
    case 0x13:  // return_call_indirect
      reader.u32();
      return static_cast<void>(reader.u32());
    case 0x1c:
      return skip_value_types(reader);
    case 0x26:  // table.set
      return read_one_index(reader, instruction, Kind::changes_tables);
    case 0x3f:
      return read_one_memory(reader, instruction, Kind::memory_size);
    case 0x40:
      return read_one_memory(reader, instruction, Kind::memory_grow);
    case 0x42:
      return static_cast<void>(reader.s64());
    case 0x43:
      return reader.skip(4);
    case 0x44:
      return reader.skip(8);
    case 0xfc:
      return read_bulk(reader, instruction);
    case 0xfd:
      return read_vector(reader, instruction);
    case 0xfe:
      return read_atomic(reader, instruction);
    default:
      return reader.fail();
  }
}

}  // namespace

void read_instruction(ByteReader& reader, Instruction& instruction) {
  instruction.kind = Kind::other;
  instruction.begin = reader.position();
  instruction.opcode = reader.byte();
  if (instruction.opcode >= 0x28 && instruction.opcode <= 0x3e) {
    read_access(reader, instruction);
  } else if (instruction.opcode < 0x45 || instruction.opcode > 0xc4) {  // between: numeric, nothing follows
    read_rest(reader, instruction);
  }
  instruction.end = reader.position();
}

void skip_locals(ByteReader& reader) {
  const uint32_t groups = reader.u32();
  for (uint32_t group = 0; group < groups && reader.ok(); ++group) {
    reader.u32();
    skip_value_type(reader);
  }
}

}  // namespace wattle::engine
