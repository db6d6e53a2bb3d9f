#include "engine/memory_access.h"

#include <fmt/format.h>

#include <array>

namespace wattle::engine {
namespace {

using enum CoreType;
using Kind = Instruction::Kind;

// Of an instruction that accesses memory at an address: what else it takes, and what it gives.
struct Shape {
  std::vector<CoreType> operands = {};
  std::vector<CoreType> results = {};
  uint32_t alignment = 0;  // that atomic accesses must be written with; others may be written with 0
  int lanes = 0;           // among which its last byte chooses
};

constexpr uint32_t kFirstLoad = 0x28, kFirstStore = 0x36, kLastStore = 0x3e;
constexpr std::array kLoaded = {i32, i64, f32, f64, i32, i32, i32, i32, i64, i64, i64, i64, i64, i64};
constexpr std::array kStored = {i32, i64, f32, f64, i32, i32, i64, i64, i64};

constexpr uint32_t kVector = 0xfd0000;
constexpr uint32_t kVectorStore = 11, kFirstLaneLoad = 84, kFirstLaneStore = 88, kLastLaneStore = 91;
constexpr uint32_t kLastVectorLoad = 93;

constexpr uint32_t kAtomic = 0xfe0000;
constexpr uint32_t kFirstAtomicLoad = 0x10, kLastAtomic = 0x4e;
// Loads, stores and each read-modify-write come in these: all of 32 and 64 bits, then the low parts of them.
constexpr std::array kAtomicTypes = {i32, i64, i32, i32, i64, i64, i64};
constexpr std::array<uint32_t, 7> kAtomicAlignments = {2, 3, 0, 1, 0, 1, 2};

std::optional<Shape> vector_shape(uint32_t number) {
  if (number < kVectorStore || (number > kLastLaneStore && number <= kLastVectorLoad))
    return Shape{{}, {v128}};
  if (number == kVectorStore) return Shape{{v128}, {}};
  if (number < kFirstLaneLoad || number > kLastLaneStore) return std::nullopt;
  Shape shape{{v128}, {}};
  if (number < kFirstLaneStore) shape.results = {v128};
  shape.lanes = 16 >> (number % 4);
  return shape;
}

std::optional<Shape> atomic_shape(uint32_t number) {
  if (number == 0) return Shape{{i32}, {i32}, 2};       // notify
  if (number == 1) return Shape{{i32, i64}, {i32}, 2};  // wait32
  if (number == 2) return Shape{{i64, i64}, {i32}, 3};  // wait64
  if (number < kFirstAtomicLoad || number > kLastAtomic) return std::nullopt;
  const uint32_t variant = (number - kFirstAtomicLoad) % kAtomicTypes.size();
  const uint32_t operation = (number - kFirstAtomicLoad) / kAtomicTypes.size();
  const CoreType type = kAtomicTypes[variant];
  constexpr uint32_t kLoad = 0, kStore = 1, kCompareExchange = 8;
  Shape shape;
  shape.alignment = kAtomicAlignments[variant];
  if (operation != kLoad) shape.operands.push_back(type);
  if (operation == kCompareExchange) shape.operands.push_back(type);
  if (operation != kStore) shape.results.push_back(type);
  return shape;
}

std::optional<Shape> shape_of(uint32_t opcode) {
  if (opcode >= kFirstLoad && opcode < kFirstStore) return Shape{{}, {kLoaded[opcode - kFirstLoad]}};
  if (opcode >= kFirstStore && opcode <= kLastStore) return Shape{{kStored[opcode - kFirstStore]}, {}};
  if ((opcode & 0xff0000) == kVector) return vector_shape(opcode & 0xffff);
  if ((opcode & 0xff0000) == kAtomic) return atomic_shape(opcode & 0xffff);
  return std::nullopt;
}

Signature signature_of(const Shape& shape) {
  Signature signature{{i32}, shape.results};
  signature.parameters.insert(signature.parameters.end(), shape.operands.begin(), shape.operands.end());
  signature.parameters.push_back(i32);
  return signature;
}

constexpr uint8_t kLocalGet = 0x20;

// The address and the static offset are 33 bits together; what does not fit in 32 is out of bounds.
void put_access(Bytes& body, const Instruction& instruction, const Shape& shape) {
  const size_t offset = 1 + shape.operands.size();
  put_indexed(body, kLocalGet, 0);
  put_indexed(body, kLocalGet, offset);
  put(body, {0x6a, 0x22, 0});  // i32.add; local.tee of the address
  put_indexed(body, kLocalGet, offset);
  put(body, {0x49, 0x04, 0x40});  // i32.lt_u; if
  put_out_of_bounds(body);
  body.push_back(0x0b);
  for (size_t local = 0; local < offset; ++local) put_indexed(body, kLocalGet, local);
  put_opcode(body, instruction.opcode);
  put_u64(body, shape.alignment);
  put_u64(body, 0);
  if (instruction.lane >= 0) body.push_back(static_cast<uint8_t>(instruction.lane));
}

class AccessModule {
 public:
  Bytes run() {
    for (uint32_t opcode = kFirstLoad; opcode <= kLastStore; ++opcode) access(opcode);
    for (uint32_t number = 0; number <= kLastVectorLoad; ++number) access(kVector | number);
    for (uint32_t number = 0; number <= kLastAtomic; ++number) access(kAtomic | number);
    add({.kind = Kind::memory_size, .opcode = 0x3f}, {0x3f, 0});
    add({.kind = Kind::memory_grow, .opcode = 0x40}, {kLocalGet, 0, 0x40, 0});
    add({.kind = Kind::memory_copy, .opcode = 0xfc000a},
        {kLocalGet, 0, kLocalGet, 1, kLocalGet, 2, 0xfc, 0x0a, 0, 0});
    add({.kind = Kind::memory_fill, .opcode = 0xfc000b},
        {kLocalGet, 0, kLocalGet, 1, kLocalGet, 2, 0xfc, 0x0b, 0});

    CountedItems imports;
    imports.count = 1;
    put_name(imports.items, "");
    put_name(imports.items, "memory");
    put(imports.items, {2, 0, 0});
    Bytes module(std::begin(kModuleHeader), std::end(kModuleHeader));
    put_section(module, SectionId::type, types_.items().content());
    put_section(module, SectionId::import, imports.content());
    put_section(module, SectionId::function, functions_.content());
    put_section(module, SectionId::export_, exports_.content());
    put_section(module, SectionId::code, code_.content());
    return module;
  }

 private:
  void access(uint32_t opcode) {
    auto shape = shape_of(opcode);
    if (!shape) return;
    Instruction instruction{.kind = Kind::access, .opcode = opcode};
    int lane = shape->lanes == 0 ? -1 : 0;
    do {
      instruction.lane = lane;
      Bytes body;
      put_access(body, instruction, *shape);
      add(instruction, body);
    } while (++lane < shape->lanes);
  }

  void add(const Instruction& instruction, const Bytes& body) {
    auto function = access_function(instruction);
    put_u64(functions_.items, types_.index_of(function->signature));
    put_name(exports_.items, function->name);
    exports_.items.push_back(0);
    put_u64(exports_.items, exports_.count);
    put_body(code_.items, body);
    ++functions_.count;
    ++exports_.count;
    ++code_.count;
  }

  FunctionTypes types_;
  CountedItems functions_, exports_, code_;
};

}  // namespace

std::optional<AccessFunction> access_function(const Instruction& instruction) {
  std::string name = fmt::format("{:x}", instruction.opcode);
  switch (instruction.kind) {
    case Kind::memory_size:
      return AccessFunction{std::move(name), {{}, {i32}}};
    case Kind::memory_grow:
      return AccessFunction{std::move(name), {{i32}, {i32}}};
    case Kind::memory_fill:
    case Kind::memory_copy:
      return AccessFunction{std::move(name), {{i32, i32, i32}, {}}};
    case Kind::access: {
      auto shape = shape_of(instruction.opcode);
      if (!shape || instruction.lane >= shape->lanes) return std::nullopt;
      if (shape->lanes > 0) name += fmt::format(".{}", instruction.lane);
      return AccessFunction{std::move(name), signature_of(*shape)};
    }
    default:
      return std::nullopt;
  }
}

Bytes access_module() {
  return AccessModule().run();
}

}  // namespace wattle::engine
