#include "engine/core_writer.h"

namespace wattle::engine {

void put(Bytes& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put(Bytes& out, std::initializer_list<uint8_t> bytes) {
  out.insert(out.end(), bytes);
}

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

void put_section(Bytes& out, SectionId id, std::span<const uint8_t> content) {
  out.push_back(static_cast<uint8_t>(id));
  put_u64(out, content.size());
  put(out, content);
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

void put_signature(Bytes& out, const Signature& signature) {
  out.push_back(0x60);
  for (const auto* types : {&signature.parameters, &signature.results}) {
    put_u64(out, types->size());
    for (CoreType type : *types) out.push_back(encoding_of(type));
  }
}

void put_memory(Bytes& out, const CoreMemory& memory) {
  out.push_back(memory.maximum_pages ? 1 : 0);
  put_u64(out, memory.minimum_pages);
  if (memory.maximum_pages) put_u64(out, *memory.maximum_pages);
}

void put_i32_constant(Bytes& out, int32_t value) {
  out.push_back(0x41);
  while (value < -64 || value > 63) {
    out.push_back(static_cast<uint8_t>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<uint8_t>(value & 0x7f));
}

void put_indexed(Bytes& out, uint8_t opcode, uint64_t index) {
  out.push_back(opcode);
  put_u64(out, index);
}

void put_opcode(Bytes& out, uint32_t opcode) {
  if (opcode <= 0xff) return out.push_back(static_cast<uint8_t>(opcode));
  put_indexed(out, static_cast<uint8_t>(opcode >> 16), opcode & 0xffff);
}

void put_out_of_bounds(Bytes& out) {
  put_i32_constant(out, -1);
  put(out, {0x29, 0, 0, 0x1a});  // i64.load: beyond 4 GiB, as large as a memory can be; drop
}

void put_body(Bytes& out, std::span<const uint8_t> instructions) {
  put_u64(out, instructions.size() + 2);
  out.push_back(0);
  put(out, instructions);
  out.push_back(0x0b);
}

Bytes CountedItems::content() const {
  Bytes content;
  put_u64(content, count);
  put(content, items);
  return content;
}

uint32_t FunctionTypes::index_of(const Signature& signature) {
  Bytes encoded;
  put_signature(encoded, signature);
  auto [known, is_new] = known_.try_emplace(encoded, first_ + items_.count);
  if (is_new) {
    put(items_.items, encoded);
    ++items_.count;
  }
  return known->second;
}

}  // namespace wattle::engine
