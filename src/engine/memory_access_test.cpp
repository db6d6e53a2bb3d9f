#include "engine/memory_access.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "engine/engine.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

constexpr uint64_t kPage = 65536;

// The module with one more memory before its own, so that all it does is done to memory 1.
class MemoryInFront {
 public:
  explicit MemoryInFront(const Bytes& bytes) : module_(*decode_core_module(bytes)) {}

  Bytes run() {
    put(out_, kModuleHeader);
    for (const Section& section : module_.sections) put_section(out_, section.id, moved(section));
    return out_;
  }

 private:
  Bytes moved(const Section& section) {
    const auto bytes = section.bytes;
    ByteReader reader(bytes);
    Bytes out;
    const auto copy = [&](size_t begin) { put(out, bytes.subspan(begin, reader.position() - begin)); };
    const uint32_t count = reader.u32();
    switch (section.id) {
      case SectionId::memory:
        put(out, {2, 1, 1, 1});
        put(out, reader.take(reader.remaining()));
        return out;
      case SectionId::export_:
        put_u64(out, count);
        for (uint32_t index = 0; index < count; ++index) {
          const size_t begin = reader.position();
          reader.name();
          const bool is_memory = reader.byte() == 2;
          copy(begin);
          put_u64(out, reader.u32() + (is_memory ? 1 : 0));
        }
        return out;
      case SectionId::code:
        put_u64(out, count);
        for (uint32_t index = 0; index < count; ++index) {
          const Bytes body = moved_body(reader.take(reader.u32()));
          put_u64(out, body.size());
          put(out, body);
        }
        return out;
      default:
        return {bytes.begin(), bytes.end()};
    }
  }

  Bytes moved_body(std::span<const uint8_t> body) {
    using Kind = Instruction::Kind;
    ByteReader reader(body);
    skip_locals(reader);
    Bytes out(body.begin(), body.begin() + static_cast<ptrdiff_t>(reader.position()));
    Instruction instruction;
    while (!reader.at_end()) {
      read_instruction(reader, instruction);
      if (instruction.kind < Kind::access || instruction.kind > Kind::memory_init) {
        put(out, body.subspan(instruction.begin, instruction.end - instruction.begin));
        continue;
      }
      put_opcode(out, instruction.opcode);
      if (instruction.kind == Kind::access) put_u64(out, instruction.alignment | 0x40);
      if (instruction.kind == Kind::memory_init) put_u64(out, instruction.index);
      out.push_back(1);
      if (instruction.kind == Kind::memory_copy) out.push_back(1);
      if (instruction.kind == Kind::access) put_u64(out, instruction.offset);
      if (instruction.lane >= 0) out.push_back(static_cast<uint8_t>(instruction.lane));
    }
    return out;
  }

  CoreModule module_;
  Bytes out_;
};

// An atomic access can be out of bounds and unaligned at once. What it traps with then is up to V8, whose two
// compilers do not agree in newer versions.
bool is_same_trap(const std::string& name, const std::string& error, const std::string& other) {
  const auto is_either = [](const std::string& message) {
    return message == "unaligned atomic" || message == "out of bounds memory access";
  };
  return error == other ||
         (name.find(".atomic.") != std::string::npos && is_either(error) && is_either(other));
}

// Runs the same calls on a module and on that module with its memory as memory 1.
class TwoWays {
 public:
  explicit TwoWays(const std::string& text) {
    testing::start_engine();
    const Bytes bytes = testing::assemble(text);
    sides_[0].start(bytes);
    sides_[1].start(MemoryInFront(bytes).run());
  }

  void expect_same(const std::string& name, const std::vector<uint32_t>& arguments) {
    const auto [value, error] = sides_[0].call(name, arguments);
    const auto [other_value, other_error] = sides_[1].call(name, arguments);
    const std::string call = name + " " + (arguments.empty() ? "" : std::to_string(arguments[0]));
    EXPECT_TRUE(is_same_trap(name, error, other_error)) << call << ": " << error << ", " << other_error;
    EXPECT_EQ(value, other_value) << call;
    calls_ += 1;
    traps_ += error.empty() ? 0 : 1;
    const auto memory = sides_[0].view(), other_memory = sides_[1].view();
    ASSERT_EQ(memory.bytes, other_memory.bytes) << call;
    ASSERT_EQ(std::memcmp(memory.base, other_memory.base, memory.bytes), 0) << call;
  }
  size_t calls() const { return calls_; }
  size_t traps() const { return traps_; }

 private:
  struct Side {
    void start(const Bytes& bytes) {
      auto compiled = Module::compile(bytes, {});
      ASSERT_TRUE(compiled) << compiled.error().full_message();
      module = *compiled;
      store = *Store::create({});
      Store::Scope scope(*store, {});
      instance = *store->instantiate(*module, {});
      memory = store->memory(*store->exported(instance, "memory"));
      for (size_t at = 0; at < view().bytes; ++at) view().base[at] = static_cast<uint8_t>(at * 37 + at / 251);
    }
    std::pair<uint64_t, std::string> call(const std::string& name, const std::vector<uint32_t>& arguments) {
      Store::Scope scope(*store, {});
      CoreValue values[4] = {};
      for (size_t index = 0; index < arguments.size(); ++index) values[index].u64 = arguments[index];
      auto called = store->call(*store->exported_function(instance, name), values);
      return {called ? values[0].u64 : 0, called ? "" : called.error().message()};
    }
    MemoryView view() const { return store->view(memory); }

    std::shared_ptr<const Module> module;
    std::unique_ptr<Store> store;
    InstanceHandle instance;
    MemoryHandle memory;
  };
  std::array<Side, 2> sides_;
  size_t calls_ = 0, traps_ = 0;
};

std::string operand(CoreType type) {
  switch (type) {
    case CoreType::i32:
      return "(i32.add (local.get 0) (i32.const 0x12345678))";
    case CoreType::i64:
      return "(i64.add (i64.extend_i32_u (local.get 0)) (i64.const 0x123456789abcdef0))";
    case CoreType::f32:
      return "(f32.const 1.5)";
    case CoreType::f64:
      return "(f64.const -2.25)";
    default:
      return "(v128.const i32x4 1 0x20000 0x300 0x4000000)";
  }
}

std::string as_i64(CoreType type, const std::string& value) {
  switch (type) {
    case CoreType::i32:
      return "(i64.extend_i32_u " + value + ")";
    case CoreType::f32:
      return "(i64.extend_i32_u (i32.reinterpret_f32 " + value + "))";
    case CoreType::f64:
      return "(i64.reinterpret_f64 " + value + ")";
    case CoreType::v128:
      return "(local.set 1 " + value +
             ") (i64.xor (i64x2.extract_lane 0 (local.get 1)) "
             "(i64.rotl (i64x2.extract_lane 1 (local.get 1)) (i64.const 7)))";
    default:
      return value;
  }
}

struct Access {
  std::string name;
  Signature signature;  // without the address
};

using enum CoreType;

std::vector<Access> plain_accesses() {
  std::vector<Access> all = {{"i32.load", {{}, {i32}}},  {"i64.load", {{}, {i64}}},
                             {"f32.load", {{}, {f32}}},  {"f64.load", {{}, {f64}}},
                             {"i32.store", {{i32}, {}}}, {"i64.store", {{i64}, {}}},
                             {"f32.store", {{f32}, {}}}, {"f64.store", {{f64}, {}}}};
  for (const char* width : {"8_s", "8_u", "16_s", "16_u"}) {
    all.push_back({std::string("i32.load") + width, {{}, {i32}}});
    all.push_back({std::string("i64.load") + width, {{}, {i64}}});
  }
  for (const char* name : {"i64.load32_s", "i64.load32_u"}) all.push_back({name, {{}, {i64}}});
  for (const char* name : {"i32.store8", "i32.store16"}) all.push_back({name, {{i32}, {}}});
  for (const char* name : {"i64.store8", "i64.store16", "i64.store32"}) all.push_back({name, {{i64}, {}}});
  return all;
}

std::vector<Access> vector_accesses() {
  std::vector<Access> all = {{"v128.load", {{}, {v128}}}, {"v128.store", {{v128}, {}}}};
  for (const char* name : {"8x8_s", "8x8_u", "16x4_s", "16x4_u", "32x2_s", "32x2_u", "8_splat", "16_splat",
                           "32_splat", "64_splat", "32_zero", "64_zero"}) {
    all.push_back({std::string("v128.load") + name, {{}, {v128}}});
  }
  return all;
}

std::vector<Access> atomic_accesses() {
  std::vector<Access> all = {{"memory.atomic.notify", {{i32}, {i32}}},
                             {"memory.atomic.wait32", {{i32, i64}, {i32}}},
                             {"memory.atomic.wait64", {{i64, i64}, {i32}}}};
  for (const auto& [type, prefix, widths] :
       {std::tuple{i32, std::string("i32.atomic."), std::vector<std::string>{"", "8", "16"}},
        std::tuple{i64, std::string("i64.atomic."), std::vector<std::string>{"", "8", "16", "32"}}}) {
    for (const std::string& width : widths) {
      const std::string suffix = width.empty() ? "" : "_u";
      all.push_back({prefix + "load" + width + suffix, {{}, {type}}});
      all.push_back({prefix + "store" + width, {{type}, {}}});
      for (const char* operation : {"add", "sub", "and", "or", "xor", "xchg", "cmpxchg"}) {
        Access access{prefix + "rmw" + width + "." + operation + suffix, {{type}, {type}}};
        if (std::string_view(operation) == "cmpxchg") access.signature.parameters.push_back(type);
        all.push_back(std::move(access));
      }
    }
  }
  return all;
}

std::vector<Access> all_accesses() {
  std::vector<Access> all = plain_accesses();
  for (auto more : {vector_accesses(), atomic_accesses()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string function_of(const Access& access, const std::string& export_name, const std::string& immediates) {
  std::string call = "(" + access.name + " " + immediates + " (local.get 0)";
  for (CoreType type : access.signature.parameters) call += " " + operand(type);
  call += ")";
  const bool is_store = access.signature.results.empty();
  return "(func (export \"" + export_name + "\") (param i32) (result i64) (local v128) " +
         (is_store ? call + " (i64.const 0)" : as_i64(access.signature.results[0], call)) + ")\n";
}

constexpr std::array<uint32_t, 14> kAddresses = {0,         1,         8,          4096,      kPage - 16,
                                                 kPage - 8, kPage - 5, kPage - 4,  kPage - 2, kPage - 1,
                                                 kPage,     1u << 31,  0xfffffff8, 0xffffffff};

class AccessTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Offsets, AccessTest,
                         ::testing::Values("", "offset=1", "offset=65528", "offset=0x80000000",
                                           "offset=0xffffffff"));

TEST_P(AccessTest, DoesWhatTheInstructionDoes) {
  std::string text = "(module (memory (export \"memory\") 1 1)\n";
  const auto accesses = all_accesses();
  for (const Access& access : accesses) text += function_of(access, access.name, GetParam());
  TwoWays both(text + ")");
  for (const Access& access : accesses) {
    for (uint32_t address : kAddresses) both.expect_same(access.name, {address});
  }
  EXPECT_GT(both.traps(), both.calls() / 4);
  EXPECT_EQ(accesses.size(), 23u + 14 + 66);
}

TEST_P(AccessTest, DoesWhatItDoesToLanes) {
  std::string text = "(module (memory (export \"memory\") 1 1)\n";
  std::vector<std::string> names;
  for (const auto& [width, lanes] : {std::pair{"8", 16}, {"16", 8}, {"32", 4}, {"64", 2}}) {
    for (const bool is_load : {true, false}) {
      for (int lane = 0; lane < lanes; ++lane) {
        const Access access{std::string(is_load ? "v128.load" : "v128.store") + width + "_lane",
                            {{v128}, is_load ? std::vector{v128} : std::vector<CoreType>()}};
        names.push_back(access.name + std::to_string(lane));
        text += function_of(access, names.back(), std::string(GetParam()) + " " + std::to_string(lane));
      }
    }
  }
  TwoWays both(text + ")");
  for (const std::string& name : names) {
    for (uint32_t address : kAddresses) both.expect_same(name, {address});
  }
  EXPECT_EQ(names.size(), 60u);
}

TEST(MemoryAccess, GrowsFillsCopiesAndInitializes) {
  TwoWays both(R"((module (memory (export "memory") 1 4) (data "some bytes of a segment")
    (func (export "size") (result i64) (i64.extend_i32_u (memory.size)))
    (func (export "grow") (param i32) (result i64) (i64.extend_i32_u (memory.grow (local.get 0))))
    (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init") (param i32 i32 i32) (memory.init 0 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "drop") (data.drop 0))))");
  for (int round = 0; round < 2; ++round) {
    for (uint32_t address : kAddresses) {
      for (uint32_t count : {0u, 1u, 5u, 23u, 24u, 65536u, 0xffffffffu}) {
        both.expect_same("fill", {address, count & 0xff, count});
        both.expect_same("copy", {address, 3, count});
        both.expect_same("copy", {3, address, count});
        both.expect_same("copy", {address, address + 2, count});
        both.expect_same("init", {address, 0, count});
        both.expect_same("init", {8, address, count});
      }
    }
    both.expect_same("size", {});
    both.expect_same("grow", {2});
    both.expect_same("grow", {2});
    both.expect_same("drop", {});
  }
  EXPECT_GT(both.traps(), 200u);
  EXPECT_GT(both.calls() - both.traps(), 200u);
}

TEST(MemoryAccess, EveryFunctionHasANameOfItsOwn) {
  auto module = decode_core_module(access_module());
  ASSERT_TRUE(module);
  EXPECT_EQ(module->exports.size(), 23u + 14 + 60 + 66 + 4);
  EXPECT_FALSE(access_function({.kind = Instruction::Kind::access, .opcode = 0xfe000f}));
  Instruction lane{.kind = Instruction::Kind::access, .opcode = 0xfd0057};
  lane.lane = 2;
  EXPECT_FALSE(access_function(lane));
}

}  // namespace
}  // namespace wattle::engine
